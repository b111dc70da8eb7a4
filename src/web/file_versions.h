/*
 * file_versions: one file in the forms in which it can be sent: as it is, and compressed by whoever
 * put "name.gz" or "name.br" beside it.
 *
 * Opening, stamps by which a change is seen, validators, and the choice by what a client takes.
 * What is sent, and how, is static_files.c's business.
 */
#ifndef TORC_WEB_FILE_VERSIONS_H
#define TORC_WEB_FILE_VERSIONS_H

#include "web/http_head.h"
#include "web/open_beneath.h"

#include <sys/stat.h>

typedef enum torc__coding {
    TORC__IDENTITY,
    TORC__GZIP,
    TORC__BROTLI,
    TORC__CODING_COUNT,
} torc__coding;

/* "" , ".gz", ".br" */
extern const char *const torc__coding_suffixes[TORC__CODING_COUNT];

/* As Content-Encoding says it; NULL for identity. */
extern const char *const torc__coding_names[TORC__CODING_COUNT];

/* What a change of a file changes. All zero: there is no such file. */
typedef struct torc__file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    struct timespec changed;
} torc__file_stamp;

typedef struct torc__file_version {
    int file; /* -1: there is no such version */
    struct stat status;
} torc__file_version;

typedef struct torc__file_versions {
    torc__file_version of[TORC__CODING_COUNT];
    bool varies; /* there is more than one */
} torc__file_versions;

/*
 * Opens the file `path` below `root` and looks at its siblings. 0, with all that was opened to be
 * closed by torc__file_versions_close; or a negative errno. What `path` is must be asked of
 * of[TORC__IDENTITY].status: siblings are looked for only where it is a regular file, and count
 * only where they are too.
 */
int torc__file_versions_open(
    const torc__root *root, const char *path, torc__file_versions *ret_versions);

void torc__file_versions_close(torc__file_versions *versions);

/* Takes the descriptor of a version out, to be given to somebody who closes it. */
int torc__file_versions_take(torc__file_versions *versions, torc__coding coding);

void torc__file_stamp_of(const struct stat *status, torc__file_stamp *ret_stamp);

/* Whether the files at `path` are still those of the stamps. */
bool torc__file_stamps_hold(
    const torc__root *root, const char *path, const torc__file_stamp stamps[TORC__CODING_COUNT]);

/* The best that the client takes of those that exist. `exists` is indexed by coding. */
torc__coding torc__coding_choose(
    const torc__http_head *head, const bool exists[TORC__CODING_COUNT]);

#define TORC__ETAG_SIZE 64

/* A strong entity tag of a file, with its quotes. */
torc_slice torc__file_etag(const struct stat *status, char text[TORC__ETAG_SIZE]);

#endif /* TORC_WEB_FILE_VERSIONS_H */
