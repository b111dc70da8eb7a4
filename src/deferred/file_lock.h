/*
 * The inside of a file lock, as far as the testing kit needs it.
 */
#ifndef TORC_DEFERRED_FILE_LOCK_H
#define TORC_DEFERRED_FILE_LOCK_H

#include <torc/file_lock.h>

#include "reactor/members.h"

extern TORC_API const torc__member_kind torc__members_file_lock;

#endif /* TORC_DEFERRED_FILE_LOCK_H */
