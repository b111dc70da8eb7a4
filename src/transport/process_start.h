/*
 * The inside of torc_process_spawn, for torc_connect_process.
 */
#ifndef TORC_TRANSPORT_PROCESS_START_H
#define TORC_TRANSPORT_PROCESS_START_H

#include <torc/process.h>

#include "reactor/members.h"

/*
 * As torc_process_spawn, but that it takes over no factory. With `connects` the first two pipes, of
 * 0 and 1, are one transport, of a protocol that this factory makes; else it is NULL.
 */
torc_process *torc__process_start(torc_scope *scope, const torc_process_class *kind,
    const torc_process_options *options, torc_factory *connects, torc_failure **reterr_failure);

/* Of one that connects: `deferred` is fired with the protocol when that is made. */
void torc__process_tell_made(torc_process *process, torc_deferred *deferred);

/* It is of no interest any more, as when its scope ends. */
void torc__process_drop(torc_process *process);

extern TORC_API const torc__member_kind torc__members_process;

#endif /* TORC_TRANSPORT_PROCESS_START_H */
