/*
 * Opening below a directory: by openat2, or by a walk that keeps a descriptor of each directory on
 * the way, so that ".." goes back to where it came from even when somebody renames directories
 * meanwhile, and that reads links itself, so that none is followed unseen.
 */
#include <fcntl.h>

#include "web/open_beneath.h"

#include "base/system_call.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
# include <linux/openat2.h>
# include <sys/syscall.h>
#endif

#define ALWAYS (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

enum {
    DEPTH_MAX = 64, /* directories deep */
    LINKS_MAX = 40, /* links on one way, as in Linux itself */
};

/* -- by walking ---------------------------------------------------------------------------- */

typedef struct walk {
    const torc__root *root;
    int directories[DEPTH_MAX]; /* from the root down; the last is where the walk stands */
    int depth;
    int links;
    char rest[2 * PATH_MAX];    /* what is left to go */
} walk;

static int where(const walk *self)
{
    return self->directories[self->depth - 1];
}

static int enter(walk *self, int directory)
{
    if (self->depth == DEPTH_MAX) {
        close(directory);
        return -ENAMETOOLONG;
    }
    self->directories[self->depth++] = directory;
    return 0;
}

/* The root's descriptor is the caller's and stays open. */
static int leave(walk *self)
{
    if (self->depth == 1)
        return -EXDEV;
    close(self->directories[--self->depth]);
    return 0;
}

/*
 * How many bytes of an absolute link name the root, so that what follows is a path below it; 0 when
 * it leads elsewhere.
 */
static size_t root_part(const walk *self, const char *target)
{
    size_t length = self->root->path != NULL ? strlen(self->root->path) : 0;

    if (length == 0 || strncmp(target, self->root->path, length) != 0)
        return 0;
    return target[length] == '/' || target[length] == '\0' || length == 1 ? length : 0;
}

/* Puts what the link says before what is left to go. */
static int follow(walk *self, const char *name, const char *rest)
{
    char target[PATH_MAX + 1];
    ssize_t length = readlinkat(where(self), name, target, PATH_MAX);
    size_t rest_length = strlen(rest) + 1;
    size_t skipped = 0;

    if (length <= 0)
        return length == 0 ? -ENOENT : -errno;
    target[length] = '\0';
    if (++self->links > LINKS_MAX)
        return -ELOOP;
    if (target[0] == '/') {
        skipped = root_part(self, target);
        if (skipped == 0)
            return -EXDEV;
        while (self->depth > 1)
            leave(self);
    }
    length -= (ssize_t)skipped;
    if ((size_t)length + 1 + rest_length > sizeof(self->rest))
        return -ENAMETOOLONG;
    memmove(self->rest + length + 1, rest, rest_length);
    memcpy(self->rest, target + skipped, (size_t)length);
    self->rest[length] = '/';
    return 0;
}

/* Opens without following: -ELOOP where `name` is a link. */
static int open_here(const walk *self, const char *name, int flags)
{
    struct stat status;
    int file = TORC__CALL(openat, where(self), name, flags | ALWAYS | O_NOFOLLOW);

    if (file >= 0 && TORC__CALL(fstat, file, &status) == 0 && !S_ISLNK(status.st_mode))
        return file;
    if (file >= 0) {
        close(file);
        return -ELOOP;
    }
    /* What a link refused by O_NOFOLLOW is called differs from system to system. */
    if (errno != ENOENT && errno != EACCES) {
        int error = errno;

        if (TORC__CALL(fstatat, where(self), name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(status.st_mode))
            return -ELOOP;
        errno = error;
    }
    return -errno;
}

/* One component. Gives 0 to go on, or what the whole comes to: a descriptor or a negative errno. */
static int step(walk *self, int flags, bool *ret_done)
{
    char name[NAME_MAX + 1];
    size_t length = strcspn(self->rest, "/");
    const char *rest = self->rest + length + strspn(self->rest + length, "/");
    bool last = *rest == '\0';
    int file;

    *ret_done = false;
    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, self->rest, length);
    name[length] = '\0';
    if (strcmp(name, "..") == 0) {
        memmove(self->rest, rest, strlen(rest) + 1);
        return leave(self);
    }
    file = open_here(self, name, last ? flags : TORC__O_LOOK | O_DIRECTORY);
    if (file == -ELOOP)
        return follow(self, name, rest);
    if (file < 0)
        return file;
    *ret_done = last;
    if (last)
        return file;
    memmove(self->rest, rest, strlen(rest) + 1);
    return enter(self, file);
}

/* Skips slashes and "." components, so that `step` sees names only. */
static void skip_nothings(walk *self)
{
    const char *rest = self->rest;

    for (;;) {
        if (*rest == '/')
            rest++;
        else if (rest[0] == '.' && (rest[1] == '/' || rest[1] == '\0'))
            rest++;
        else
            break;
    }
    memmove(self->rest, rest, strlen(rest) + 1);
}

int torc__open_beneath_by_walking(const torc__root *root, const char *path, int flags)
{
    walk self = { .root = root, .depth = 1, .directories = { root->directory } };
    bool done = false;
    int result = 0;

    if (strlen(path) >= PATH_MAX)
        return -ENAMETOOLONG;
    if (*path == '/')
        return -EXDEV;
    memcpy(self.rest, path, strlen(path) + 1);
    while (!done && result == 0) {
        skip_nothings(&self);
        if (self.rest[0] == '\0') {
            result = TORC__CALL(openat, where(&self), ".", flags | ALWAYS);
            result = result < 0 ? -errno : result;
            break;
        }
        result = step(&self, flags, &done);
    }
    while (self.depth > 1)
        leave(&self);
    return result;
}

/* -- by the kernel ------------------------------------------------------------------------- */

#if defined(__linux__) && defined(SYS_openat2)

/* A rename on the way makes the kernel unsure whether ".." led out: it may be asked again. */
#define TRIES_MAX 8

static atomic_bool kernel_cannot;

/* libc has no openat2 of its own. */
static long ask_kernel(int directory, const char *path, const struct open_how *how)
{
    if (torc__call_fails("openat2"))
        return -1;
    return syscall(SYS_openat2, directory, path, how, sizeof(*how));
}

int torc__open_beneath(const torc__root *root, const char *path, int flags)
{
    const char *name = *path != '\0' ? path : ".";
    struct open_how how = {
        .flags = (unsigned)(flags | ALWAYS),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };

    if (atomic_load_explicit(&kernel_cannot, memory_order_relaxed))
        return torc__open_beneath_by_walking(root, path, flags);
    /* With O_PATH openat2 refuses flags that mean nothing to it. */
    if ((flags & O_PATH) != 0)
        how.flags = (unsigned)(flags | O_CLOEXEC);
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        long file = ask_kernel(root->directory, name, &how);

        if (file >= 0)
            return (int)file;
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    /* It led out, or was an absolute link, which the kernel takes for leading out in any case. */
    if (errno == EXDEV && root->path != NULL)
        return torc__open_beneath_by_walking(root, path, flags);
    /* A filter of system calls that does not know this one refuses it as EPERM. */
    if (errno != ENOSYS && errno != EPERM)
        return -errno;
    atomic_store_explicit(&kernel_cannot, true, memory_order_relaxed);
    return torc__open_beneath_by_walking(root, path, flags);
}

#else

int torc__open_beneath(const torc__root *root, const char *path, int flags)
{
    return torc__open_beneath_by_walking(root, path, flags);
}

#endif
