/*
 * The inside of a queue, as far as the testing kit needs it.
 */
#ifndef TORC_DEFERRED_QUEUE_H
#define TORC_DEFERRED_QUEUE_H

#include "deferred/waiting_line.h"

extern TORC_API const torc__member_kind torc__members_queue;

#endif /* TORC_DEFERRED_QUEUE_H */
