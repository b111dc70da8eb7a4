/*
 * A child whose standard input and output are the transport of a protocol, as if it were a peer.
 */
#include "transport/process_start.h"

#include "reactor/reactor.h"

static const torc_process_class connected_class = { .name = "ConnectedProcess" };

static const torc_child_descriptor descriptors[] = {
    { .number = 0, .end = TORC_CHILD_READS },
    { .number = 1, .end = TORC_CHILD_WRITES },
    { .number = 2, .end = TORC_CHILD_INHERITS },
};

static void cancel(torc_deferred *deferred, void *process)
{
    (void)deferred;
    torc__process_drop(process);
}

torc_deferred *torc_connect_process(
    torc_scope *scope, const char *const *arguments, torc_factory *factory)
{
    torc_process_options options = { .arguments = arguments };
    torc_failure *failure = NULL;
    torc_process *process;
    torc_deferred *deferred;

    torc__check_thread(torc_scope_reactor(scope), "torc_connect_process");
    options.descriptors = descriptors;
    options.descriptor_count = 3;
    process = torc__process_start(scope, &connected_class, &options, factory, &failure);
    torc_factory_release(factory);
    if (process == NULL)
        return torc_deferred_fired(scope, torc_fail(failure));
    deferred = torc_deferred_new(scope, cancel, process);
    torc__process_tell_made(process, deferred);
    return deferred;
}
