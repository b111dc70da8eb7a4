/*
 * The lock's file is removed by who has the lock, so one that was got on a file that is gone
 * already is none. No file stays behind but that of a program that was killed in between, which
 * does no harm: it is not locked.
 */
#include "reactor/driver/path_lock.h"

#include <torc/address.h>

#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct lock_name {
    char text[TORC_UNIX_PATH_MAX + 16];
} lock_name;

static lock_name name_of(const char *path)
{
    lock_name name;

    snprintf(name.text, sizeof name.text, "%s.torc-lock", path);
    return name;
}

static bool is_still_there(int lock, const char *name)
{
    struct stat held;
    struct stat named;

    return TORC__CALL(fstat, lock, &held) == 0 && TORC__CALL(lstat, name, &named) == 0
        && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

int torc__path_lock(const char *path)
{
    lock_name name = name_of(path);
    int lock = TORC__CALL(open, name.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int locked;

    if (lock < 0)
        return -1;
    do
        locked = TORC__CALL(flock, lock, LOCK_EX | LOCK_NB);
    while (locked < 0 && errno == EINTR);
    if (locked == 0 && is_still_there(lock, name.text))
        return lock;
    close(lock);
    return -1;
}

void torc__path_unlock(int lock, const char *path)
{
    lock_name name = name_of(path);

    if (lock < 0)
        return;
    (void)unlink(name.text);
    close(lock);
}
