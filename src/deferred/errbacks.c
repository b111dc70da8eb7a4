/*
 * Links that are ready-made: turning failures of one type into another, and forgetting.
 * (torc_log_failure is with the log.)
 */
#include "deferred/deferred.h"

#include <stdint.h>

static torc_result convert(void *conversion, torc_result failed)
{
    const torc_conversion *self = conversion;
    torc_failure *failure = torc_result_failure(failed);

    return torc_fail(torc_failure_because(
        torc_failure_new(self->to, "%s: %s", self->text, torc_failure_text(failure)),
        torc_failure_hold(failure)));
}

void torc_add_conversion(torc_deferred *deferred, const torc_conversion *conversion)
{
    /* The chain hands it back as it was, and nobody writes to it. */
    torc_add_errback_for(deferred, conversion->from, convert, (void *)(uintptr_t)conversion);
}

torc_result torc_forget(void *unused, torc_result result)
{
    (void)unused;
    (void)result;
    return torc_nothing();
}
