/*
 * A file and its compressed siblings.
 */
#include <fcntl.h>

#include "web/file_versions.h"

#include "base/system_call.h"
#include "web/http_accept.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const torc__coding_suffixes[TORC__CODING_COUNT] = { "", ".gz", ".br" };
const char *const torc__coding_names[TORC__CODING_COUNT] = { NULL, "gzip", "br" };

/* The path of a version. False where it would be too long, so that there can be no such file. */
static bool path_of(const char *path, torc__coding coding, char text[PATH_MAX])
{
    int length = snprintf(text, PATH_MAX, "%s%s", path, torc__coding_suffixes[coding]);

    return length > 0 && length < PATH_MAX;
}

static int open_version(
    const torc__root *root, const char *path, int flags, torc__file_version *ret_version)
{
    int file = torc__open_beneath(root, path, flags);

    ret_version->file = -1;
    if (file < 0)
        return file;
    if (TORC__CALL(fstat, file, &ret_version->status) != 0) {
        int error = errno;

        close(file);
        return -error;
    }
    ret_version->file = file;
    return 0;
}

static void close_version(torc__file_version *version)
{
    if (version->file >= 0)
        close(version->file);
    version->file = -1;
}

int torc__file_versions_open(
    const torc__root *root, const char *path, torc__file_versions *ret_versions)
{
    torc__file_version *of = ret_versions->of;
    int error;

    for (size_t i = 0; i < TORC__CODING_COUNT; i++)
        of[i].file = -1;
    ret_versions->varies = false;
    error = open_version(root, path, O_RDONLY, &of[TORC__IDENTITY]);
    if (error != 0 || !S_ISREG(of[TORC__IDENTITY].status.st_mode))
        return error;
    for (torc__coding coding = TORC__GZIP; coding < TORC__CODING_COUNT; coding++) {
        char text[PATH_MAX];

        if (!path_of(path, coding, text) || open_version(root, text, O_RDONLY, &of[coding]) != 0)
            continue;
        if (S_ISREG(of[coding].status.st_mode))
            ret_versions->varies = true;
        else
            close_version(&of[coding]);
    }
    return 0;
}

void torc__file_versions_close(torc__file_versions *versions)
{
    for (size_t i = 0; i < TORC__CODING_COUNT; i++)
        close_version(&versions->of[i]);
}

int torc__file_versions_take(torc__file_versions *versions, torc__coding coding)
{
    int file = versions->of[coding].file;

    versions->of[coding].file = -1;
    return file;
}

void torc__file_stamp_of(const struct stat *status, torc__file_stamp *ret_stamp)
{
    /* Stamps are compared as bytes: what lies between the members must be the same, too. */
    memset(ret_stamp, 0, sizeof(*ret_stamp));
    ret_stamp->device = status->st_dev;
    ret_stamp->inode = status->st_ino;
    ret_stamp->size = status->st_size;
    ret_stamp->modified = status->st_mtim;
    ret_stamp->changed = status->st_ctim;
}

bool torc__file_stamps_hold(
    const torc__root *root, const char *path, const torc__file_stamp stamps[TORC__CODING_COUNT])
{
    for (torc__coding coding = TORC__IDENTITY; coding < TORC__CODING_COUNT; coding++) {
        torc__file_version version = { .file = -1 };
        torc__file_stamp stamp;
        char text[PATH_MAX];

        memset(&stamp, 0, sizeof(stamp));
        if (path_of(path, coding, text) && open_version(root, text, TORC__O_LOOK, &version) == 0) {
            if (S_ISREG(version.status.st_mode))
                torc__file_stamp_of(&version.status, &stamp);
            close_version(&version);
        }
        if (memcmp(&stamp, &stamps[coding], sizeof(stamp)) != 0)
            return false;
    }
    return true;
}

torc__coding torc__coding_choose(
    const torc__http_head *head, const bool exists[TORC__CODING_COUNT])
{
    torc__http_codings likes =
        torc__http_accept_codings(torc__http_head_value(head, TORC__HTTP_ACCEPT_ENCODING));

    if (exists[TORC__BROTLI] && likes.brotli != 0 && likes.brotli >= likes.identity &&
        (!exists[TORC__GZIP] || likes.brotli >= likes.gzip))
        return TORC__BROTLI;
    if (exists[TORC__GZIP] && likes.gzip != 0 && likes.gzip >= likes.identity)
        return TORC__GZIP;
    return TORC__IDENTITY;
}

torc_slice torc__file_etag(const struct stat *status, char text[TORC__ETAG_SIZE])
{
    uint64_t modified =
        (uint64_t)status->st_mtim.tv_sec * 1000000000u + (uint64_t)status->st_mtim.tv_nsec;
    int length = snprintf(text, TORC__ETAG_SIZE, "\"%llx-%llx-%llx\"",
        (unsigned long long)modified, (unsigned long long)status->st_size,
        (unsigned long long)status->st_ino);

    return torc_slice_make(text, (size_t)length);
}
