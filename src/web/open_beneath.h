/*
 * open_beneath: opens a file below a directory, wherever the path's symbolic links lead inside it,
 * and never outside: a link inside is followed, one that leads out is as good as missing.
 *
 * The kernel does it in one call where it can (Linux's openat2). Elsewhere the path is walked
 * component by component; both ways give the same answers. Nothing here blocks on special files.
 */
#ifndef TORC_WEB_OPEN_BENEATH_H
#define TORC_WEB_OPEN_BENEATH_H

/* For the fstat of what need not be read. */
#ifdef O_PATH
# define TORC__O_LOOK O_PATH
#else
# define TORC__O_LOOK O_RDONLY
#endif

/*
 * Opens `path`, relative to the directory `root` ("" is the directory itself), with `flags` and
 * O_CLOEXEC | O_NONBLOCK | O_NOCTTY. A descriptor, or a negative errno; -EXDEV for what leads out.
 */
int torc__open_beneath(int root, const char *path, int flags);

/* The same without the kernel's help; for tests, and for systems without openat2. */
int torc__open_beneath_by_walking(int root, const char *path, int flags);

#endif /* TORC_WEB_OPEN_BENEATH_H */
