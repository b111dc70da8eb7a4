/*
 * members: what this folder puts into scopes; see reactor/members.h.
 */
#ifndef TORC_TASK_MEMBERS_H
#define TORC_TASK_MEMBERS_H

#include "reactor/members.h"

extern TORC_API const torc__member_kind torc__members_looping_call;
extern TORC_API const torc__member_kind torc__members_cooperative_task;
extern TORC_API const torc__member_kind torc__members_cooperator;
extern TORC_API const torc__member_kind torc__members_jobs;
extern TORC_API const torc__member_kind torc__members_retry;
extern TORC_API const torc__member_kind torc__members_rate_limit;

#endif /* TORC_TASK_MEMBERS_H */
