/*
 * A directory as an answer: reads its names, leaves out what could not be opened anyway (special
 * files, links that lead out) and what its owner hides (a dot in front), and sends the page.
 */
#include <fcntl.h>

#include "web/static_files.h"

#include "base/memory.h"
#include "base/system_call.h"
#include "web/directory_listing.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* Bounds the time that one request can hold the loop. */
#define ENTRIES_MAX 10000

typedef struct gathering {
    torc_web_files *files;
    torc_slice path; /* "." for the root */
    int directory;
    torc__directory_entry *entries;
    size_t count;
    size_t size;
    bool truncated;
} gathering;

/* What a symbolic link leads to, if that can be served. */
static bool look_through_link(const gathering *self, const char *name, struct stat *ret_status)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%.*s/%s", TORC_FMT(self->path), name);
    int file;
    bool found;

    if (length < 0 || length >= (int)sizeof(path))
        return false;
    file = torc__open_beneath(&self->files->root, path, TORC__O_LOOK);
    if (file < 0)
        return false;
    found = TORC__CALL(fstat, file, ret_status) == 0;
    close(file);
    return found;
}

static bool have_room(gathering *self)
{
    size_t wanted = self->size != 0 ? 2 * self->size : 64;
    torc__directory_entry *larger;

    if (self->count < self->size)
        return true;
    larger = torc__reallocate(self->entries, wanted * sizeof(*larger));
    if (larger == NULL)
        return false;
    self->entries = larger;
    self->size = wanted;
    return true;
}

/* False when memory is out. */
static bool add_name(gathering *self, const char *name)
{
    torc__directory_entry *entry;
    struct stat status;
    char *copy;

    if (name[0] == '.' || fstatat(self->directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return true;
    if (S_ISLNK(status.st_mode) && !look_through_link(self, name, &status))
        return true;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return true;
    copy = torc_slice_dup(torc_slice_of(name));
    if (copy == NULL || !have_room(self)) {
        torc__free(copy);
        return false;
    }
    entry = &self->entries[self->count++];
    entry->name = torc_slice_of(copy);
    entry->is_directory = S_ISDIR(status.st_mode);
    entry->size = (uint64_t)status.st_size;
    entry->modified = (int64_t)status.st_mtim.tv_sec;
    return true;
}

/* 0, or an errno. */
static int gather(gathering *self, DIR *names)
{
    const struct dirent *next;

    errno = 0;
    while ((next = readdir(names)) != NULL) {
        if (self->count == ENTRIES_MAX) {
            self->truncated = true;
            return 0;
        }
        if (!add_name(self, next->d_name))
            return ENOMEM;
        errno = 0;
    }
    return errno;
}

static void send_page(gathering *self, torc_web_request *request)
{
    torc__directory_listing listing = {
        .path = self->path,
        .entries = self->entries,
        .count = self->count,
        .truncated = self->truncated,
    };
    torc_buffer *page;

    torc__directory_listing_sort(self->entries, self->count);
    page = torc_buffer_new(torc__directory_listing_size(&listing));
    if (page == NULL) {
        torc__files_refuse(request, ENOMEM);
        return;
    }
    torc__directory_listing_write(&listing, torc_buffer_bytes(page));
    torc_web_respond_buffer(request, 200, "text/html; charset=utf-8", page);
    torc_buffer_release(page);
}

void torc__files_list(
    torc_web_files *files, torc_web_request *request, torc_slice path, int directory)
{
    gathering self = { .files = files, .path = path, .directory = directory };
    DIR *names = torc__call_fails("fdopendir") ? NULL : fdopendir(directory);
    int error;

    if (names == NULL) {
        error = errno;
        close(directory);
        torc__files_refuse(request, error);
        return;
    }
    error = gather(&self, names);
    if (error == 0)
        send_page(&self, request);
    else
        torc__files_refuse(request, error);
    for (size_t i = 0; i < self.count; i++)
        torc__free((void *)(uintptr_t)self.entries[i].name.data);
    torc__free(self.entries);
    closedir(names);
}
