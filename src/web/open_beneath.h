/*
 * open_beneath: opens a file below a directory, wherever the path's symbolic links lead inside it,
 * and never outside: a link inside is followed, one that leads out is as good as missing.
 *
 * The kernel does it in one call where it can (Linux's openat2). Elsewhere, and for links that say
 * an absolute path inside the directory, the path is walked component by component. Nothing here
 * blocks on special files.
 */
#ifndef TORC_WEB_OPEN_BENEATH_H
#define TORC_WEB_OPEN_BENEATH_H

/* For the fstat of what need not be read. */
#ifdef O_PATH
# define TORC__O_LOOK O_PATH
#else
# define TORC__O_LOOK O_RDONLY
#endif

/* The directory that is not left. */
typedef struct torc__root {
    int directory;
    char
        *path; /* absolute and without links, as realpath gives it; NULL: absolute links lead out */
} torc__root;

/*
 * Opens `path`, relative to the root ("" is the root itself), with `flags` and O_CLOEXEC |
 * O_NONBLOCK | O_NOCTTY. A descriptor, or a negative errno; -EXDEV for what leads out.
 */
int torc__open_beneath(const torc__root *root, const char *path, int flags);

/* The same without the kernel's help; for tests, and for systems without openat2. */
int torc__open_beneath_by_walking(const torc__root *root, const char *path, int flags);

#endif /* TORC_WEB_OPEN_BENEATH_H */
