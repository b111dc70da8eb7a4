/*
 * Who a child is to be: a name looked up in the system's tables, here rather than in the child,
 * which may not do such things.
 */
#include "transport/process_setup.h"

#include "base/memory.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

/* Tables that a name service fills have long entries, and people are in many groups. */
enum { ENTRY_SIZE = 64 * 1024, GROUPS_MAX = 4096 };

/* 0 or an errno; ENOENT: there is no such user. */
static int look_up(const char *name, torc_process_user *ret_user)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char *text = torc__allocate(ENTRY_SIZE);
    int error;

    if (text == NULL)
        return ENOMEM;
    do
        error = getpwnam_r(name, &entry, text, ENTRY_SIZE, &found);
    while (error == EINTR);
    if (found != NULL) {
        ret_user->uid = entry.pw_uid;
        ret_user->gid = entry.pw_gid;
    } else if (error == 0) {
        error = ENOENT;
    }
    torc__free(text);
    return error;
}

static int look_up_groups(torc_process_user *user, gid_t **ret_groups)
{
    int count = GROUPS_MAX;
    gid_t *groups = torc__allocate(GROUPS_MAX * sizeof *groups);

    if (groups == NULL)
        return ENOMEM;
    if (getgrouplist(user->name, user->gid, groups, &count) < 0)
        count = GROUPS_MAX;
    user->groups = groups;
    user->group_count = (size_t)count;
    *ret_groups = groups;
    return 0;
}

torc_failure *torc__user_find(
    const torc_process_user *wanted, torc_process_user *ret_user, gid_t **ret_groups)
{
    int error;

    *ret_user = *wanted;
    if (wanted->name == NULL)
        return NULL;
    error = look_up(wanted->name, ret_user);
    if (error == ENOENT)
        return torc_failure_new(
            &torc_error_invalid_argument, "there is no user named %s", wanted->name);
    if (error == 0)
        error = look_up_groups(ret_user, ret_groups);
    if (error == 0)
        return NULL;
    return torc_failure_from_errno(error, "cannot look up the user %s", wanted->name);
}
