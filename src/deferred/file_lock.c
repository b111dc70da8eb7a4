/*
 * File locks: flock on a file that is removed while it is still locked.
 *
 * Because the file is removed, a lock may be had on a file that has lost its name meanwhile, which
 * excludes nobody. So whoever has locked a file looks whether it is still the one that the path
 * names, and otherwise begins anew.
 *
 * Invariants: a descriptor is open exactly while the lock is held; `deferred` is set exactly while
 * it is waited for; once neither is so, the lock is buried.
 */
#include "deferred/file_lock.h"

#include "base/memory.h"
#include "base/system_call.h"
#include "deferred/deferred.h"

#include <torc/timer.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DELAY_MIN (20 * TORC_MILLISECOND)
#define DELAY_MAX (500 * TORC_MILLISECOND)

/* How often a file may vanish between opening and locking before that counts as being locked. */
enum { VANISHED_MAX = 8 };

struct torc_file_lock {
    torc__grave grave; /* first */
    torc_scoped scoped;
    torc_timer timer;
    torc_scope *scope;
    torc_deferred *deferred;
    torc_time patience;
    torc_time deadline;
    torc_time delay;   /* before the next try */
    int64_t holder;    /* the process that has it, as far as is known; or 0 */
    int descriptor;
    char path[];
};

typedef enum attempt { GOT_IT, BUSY, VANISHED, FAILED } attempt;

/* The scope that it was acquired in owns it, never the result that names it. */
const torc_type torc_type_file_lock = { "file lock", NULL, NULL };

/* -- the file ------------------------------------------------------------------------------ */

static int64_t read_holder(int descriptor)
{
    char text[24];
    ssize_t length = TORC__CALL(pread, descriptor, text, sizeof text - 1, 0);

    if (length <= 0)
        return 0;
    text[length] = '\0';
    /* What is no number counts as unknown, and so does 0. */
    return strtoll(text, NULL, 10);
}

static bool write_holder(int descriptor)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    return TORC__CALL(ftruncate, descriptor, 0) == 0 &&
        TORC__CALL(pwrite, descriptor, text, (size_t)length, 0) == length;
}

/* Whether the path still names the file that is open. */
static bool is_named(const torc_file_lock *self, int descriptor)
{
    struct stat opened;
    struct stat named;

    return TORC__CALL(fstat, descriptor, &opened) == 0 &&
        TORC__CALL(lstat, self->path, &named) == 0 && opened.st_dev == named.st_dev &&
        opened.st_ino == named.st_ino;
}

/* With the file open: locks it, or says why not. Where it fails, errno does. */
static attempt lock_opened(torc_file_lock *self, int descriptor)
{
    struct stat status;

    if (TORC__CALL(fstat, descriptor, &status) != 0)
        return FAILED;
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return FAILED;
    }
    if (TORC__CALL(flock, descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return FAILED;
        self->holder = read_holder(descriptor);
        return BUSY;
    }
    if (!is_named(self, descriptor))
        return VANISHED;
    return write_holder(descriptor) ? GOT_IT : FAILED;
}

static attempt try_once(torc_file_lock *self)
{
    /* Not to wait for a writer, where a pipe is in the file's place. */
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    int descriptor = TORC__CALL(open, self->path, flags, 0644);
    attempt outcome;
    int error;

    if (descriptor < 0)
        return errno == EINTR ? BUSY : FAILED;
    outcome = lock_opened(self, descriptor);
    if (outcome == GOT_IT) {
        self->descriptor = descriptor;
        return GOT_IT;
    }
    error = errno;
    close(descriptor);
    errno = error;
    return outcome;
}

static attempt try(torc_file_lock *self)
{
    attempt outcome = VANISHED;

    for (int i = 0; i < VANISHED_MAX && outcome == VANISHED; i++)
        outcome = try_once(self);
    return outcome == VANISHED ? BUSY : outcome;
}

/* A file that somebody else has put in its place is left alone. */
static void give_up_file(torc_file_lock *self)
{
    if (self->descriptor < 0)
        return;
    if (is_named(self, self->descriptor))
        (void)TORC__CALL(unlink, self->path);
    /* A child that shares the descriptor must not keep what its parent has released. */
    (void)flock(self->descriptor, LOCK_UN);
    close(self->descriptor);
    self->descriptor = -1;
}

/* -- life ---------------------------------------------------------------------------------- */

static void free_file_lock(torc__grave *grave)
{
    torc__free(grave);
}

static void bury(torc_file_lock *self)
{
    torc_timer_cancel(&self->timer);
    torc_scope_remove(&self->scoped);
    give_up_file(self);
    torc__bury(self->scope->reactor, &self->grave, free_file_lock);
}

static void end_file_lock(torc_scoped *scoped)
{
    bury(TORC_CONTAINER_OF(scoped, torc_file_lock, scoped));
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    snprintf(text, size, "%s", TORC_CONTAINER_OF(scoped, torc_file_lock, scoped)->path);
}

const torc__member_kind torc__members_file_lock = {
    .end = end_file_lock,
    .name = "file lock",
    .describe = describe,
};

static void cancel_wait(torc_deferred *deferred, void *argument)
{
    torc_file_lock *self = argument;

    (void)deferred;
    self->deferred = NULL;
    bury(self);
}

static void fail_with(torc_file_lock *self, torc_result failed)
{
    torc_deferred *deferred = self->deferred;

    self->deferred = NULL;
    bury(self);
    torc_fire(deferred, failed);
}

/* -- waiting ------------------------------------------------------------------------------- */

static torc_result waited_too_long(const torc_file_lock *self)
{
    char holder[48] = "";

    if (self->holder > 0)
        snprintf(holder, sizeof holder, " by process %" PRId64, self->holder);
    return torc_fail_with(&torc_error_timeout, "%s is locked%s; waited for %" PRId64 ".%03d s",
        self->path, holder, self->patience / TORC_SECOND,
        (int)(self->patience % TORC_SECOND / TORC_MILLISECOND));
}

static void go_on(void *argument)
{
    torc_file_lock *self = argument;
    torc_deferred *deferred = self->deferred;
    torc_time left;

    switch (try(self)) {
    case GOT_IT:
        self->deferred = NULL;
        torc_fire(deferred, torc_value(&torc_type_file_lock, self));
        return;
    case FAILED:
        fail_with(self, torc_fail(torc_failure_from_errno(errno, "cannot lock %s", self->path)));
        return;
    case BUSY:
    case VANISHED:
        break;
    }
    left = self->deadline - torc_now(self->scope->reactor);
    if (left <= 0) {
        fail_with(self, waited_too_long(self));
        return;
    }
    torc_timer_set(
        &self->timer, self->scope, self->delay < left ? self->delay : left, go_on, self);
    self->delay = 2 * self->delay < DELAY_MAX ? 2 * self->delay : DELAY_MAX;
}

torc_deferred *torc_file_lock_acquire(torc_scope *scope, const char *path, torc_time patience)
{
    size_t size = strlen(path) + 1;
    torc_deferred *deferred;
    torc_file_lock *self;

    torc__check_thread(scope->reactor, "torc_file_lock_acquire");
    self = scope->ended ? NULL : torc__allocate_zeroed(sizeof *self + size);
    if (self == NULL)
        return torc_deferred_fired(
            scope, torc_fail_with(&torc_error_out_of_memory, "no memory to lock %s", path));
    memcpy(self->path, path, size);
    self->scope = scope;
    self->descriptor = -1;
    self->patience = patience > 0 ? patience : 0;
    self->deadline = torc_time_add(torc_now(scope->reactor), self->patience);
    self->delay = DELAY_MIN;
    torc_scope_add(scope, &self->scoped, end_file_lock);
    deferred = self->deferred = torc_deferred_new(scope, cancel_wait, self);
    go_on(self);
    return deferred;
}

void torc_file_lock_release(torc_file_lock *lock)
{
    torc__check_thread(lock->scope->reactor, "torc_file_lock_release");
    if (TORC_UNLIKELY(lock->descriptor < 0))
        torc__abort("torc_file_lock_release: %s is not held; release once what "
                    "torc_file_lock_acquire fired with, before its scope ends", lock->path);
    bury(lock);
}
