/*
 * The errback that ends a chain by logging: the one place where the log meets deferreds.
 */
#include <torc/deferred.h>
#include <torc/log.h>

torc_result torc_log_failure(void *what, torc_result failed)
{
    /* Added as a callback for both, it lets values pass. */
    if (!torc_is_failure(failed))
        return torc_result_hold(failed);
    torc_log_describe(TORC_LOG_ERROR, what, torc_result_failure(failed));
    return torc_nothing();
}
