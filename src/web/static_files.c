/*
 * From a request to the file or directory that it means.
 *
 * The fast way: a plain GET of a target that is in the cache, and was looked at less than a second
 * ago, costs no system call and no allocation. The other way decodes the target, opens what it
 * names below the root, and looks what it is.
 */
#include <fcntl.h>

#include "web/static_files.h"

#include "base/memory.h"
#include "base/system_call.h"
#include "web/url_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 8192

/* -- making one ---------------------------------------------------------------------------- */

void torc_web_files_free(void *context)
{
    torc_web_files *files = context;

    if (files == NULL)
        return;
    if (files->root.directory >= 0)
        close(files->root.directory);
    free(files->root.path);
    torc__file_cache_destroy(&files->cache);
    torc__mime_types_free(files->types);
    torc__free(files->index);
    torc__free(files);
}

static torc_failure *fill_in(torc_web_files *files, const torc_web_files_options *options)
{
    const char *index = options->index != NULL ? options->index : "index.html";

    if (*index == '\0' || strchr(index, '/') != NULL)
        return torc_failure_new(&torc_error_invalid_argument,
            "'%s' cannot be an index: give the name of a file, as in index.html", index);
    files->root.directory = TORC__CALL(open, options->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->root.directory < 0)
        return torc_failure_from_errno(errno, "cannot serve the directory %s", options->path);
    files->root.path = realpath(options->path, NULL);
    files->no_listing = options->no_listing;
    files->cache_file_max = options->cache_file_max != 0 ? options->cache_file_max : 64 * 1024;
    files->index = torc_slice_dup(torc_slice_of(index));
    files->types = torc__mime_types_new();
    if (files->index == NULL || files->types == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "no memory to serve %s", options->path);
    torc__mime_types_load(files->types, TORC__MIME_TYPES_SYSTEM_PATH);
    return NULL;
}

torc_web_files *torc_web_files_new(
    const torc_web_files_options *options, torc_failure **reterr_failure)
{
    torc_web_files *files = torc__allocate_zeroed(sizeof(*files));

    if (files == NULL) {
        *reterr_failure =
            torc_failure_new(&torc_error_out_of_memory, "no memory to serve %s", options->path);
        return NULL;
    }
    files->root.directory = -1;
    torc__file_cache_init(
        &files->cache, options->cache_max != 0 ? options->cache_max : 16 * 1024 * 1024);
    *reterr_failure = fill_in(files, options);
    if (*reterr_failure == NULL)
        return files;
    torc_web_files_free(files);
    return NULL;
}

/* -- refusing ------------------------------------------------------------------------------ */

void torc__files_refuse(torc_web_request *request, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EXDEV: /* it leads out of the directory */
    case ENXIO: /* a socket */
    case EILSEQ:
        torc_web_respond_status(request, 404);
        break;
    case EACCES:
    case EPERM:
        torc_web_respond_status(request, 403);
        break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        torc_web_add_header(request, "Retry-After", TORC_SLICE("1"));
        torc_web_respond_status(request, 503);
        break;
    default:
        torc_web_respond_status(request, 500);
        break;
    }
}

/* -- the slow way -------------------------------------------------------------------------- */

/* What is on the way from a target to an answer. */
typedef struct lookup {
    torc_web_files *files;
    torc_web_request *request;
    torc__url_target target;
    torc_slice key; /* for the cache */
    char path[PATH_SIZE];
} lookup;

/* The same target with the slash that a directory's has: so that relative links in it work. */
static void redirect_to_slash(const lookup *self)
{
    size_t encoded_size = TORC__URL_ENCODED_SIZE(self->target.path.length);
    char *location = torc__allocate(encoded_size + self->target.query.length + 3);
    size_t length = 0;

    if (location == NULL) {
        torc__files_refuse(self->request, ENOMEM);
        return;
    }
    location[length++] = '/';
    length += torc__url_encode_path(self->target.path, location + length);
    location[length++] = '/';
    if (self->target.has_query) {
        location[length++] = '?';
        memcpy(location + length, self->target.query.data, self->target.query.length);
        length += self->target.query.length;
    }
    torc_web_redirect(self->request, 301, torc_slice_make(location, length));
    torc__free(location);
}

static bool is_root(const lookup *self)
{
    return torc_slice_is(self->target.path, ".");
}

/* A directory that has no index. */
static void answer_directory(const lookup *self)
{
    int directory = torc__open_beneath(
        &self->files->root, is_root(self) ? "" : self->path, O_RDONLY | O_DIRECTORY);

    if (directory < 0) {
        torc__files_refuse(self->request, -directory);
    } else if (self->files->no_listing) {
        close(directory);
        torc_web_respond_status(self->request, 403);
    } else {
        torc__files_list(self->files, self->request, self->target.path, directory);
    }
}

/* Sends what is at `path` if it is a file; gives what the opening came to. */
static int answer_file(const lookup *self, const char *path)
{
    torc__file_versions versions;
    int error = torc__file_versions_open(&self->files->root, path, &versions);
    mode_t mode;

    if (error != 0)
        return error;
    mode = versions.of[TORC__IDENTITY].status.st_mode;
    if (S_ISREG(mode))
        torc__files_send(self->files, self->request, path, &versions, self->key);
    else if (S_ISDIR(mode) && path == self->path)
        redirect_to_slash(self);
    else
        torc_web_respond_status(self->request, 403);
    torc__file_versions_close(&versions);
    return 0;
}

static void answer_slash(const lookup *self)
{
    char path[PATH_SIZE + 256];
    int length = is_root(self)
        ? snprintf(path, sizeof(path), "%s", self->files->index)
        : snprintf(path, sizeof(path), "%s/%s", self->path, self->files->index);
    int error = length < (int)sizeof(path) ? answer_file(self, path) : -ENAMETOOLONG;

    if (error == -ENOENT)
        answer_directory(self);
    else if (error != 0)
        torc__files_refuse(self->request, -error);
}

static void look_up(torc_web_files *files, torc_web_request *request, torc_slice key)
{
    lookup self;
    int status;
    int error;

    self.files = files;
    self.request = request;
    self.key = key;
    status = torc__url_target_parse(
        request->head->target, self.path, sizeof(self.path), &self.target);
    /* "*" is the server as a whole, which only OPTIONS asks about. */
    if (status == 0 && self.target.form == TORC__URL_ASTERISK)
        status = 400;
    if (status != 0) {
        torc_web_respond_status(request, status);
        return;
    }
    if (self.target.ends_in_slash || is_root(&self)) {
        answer_slash(&self);
        return;
    }
    error = answer_file(&self, self.path);
    if (error != 0)
        torc__files_refuse(request, -error);
}

/* -- the fast way -------------------------------------------------------------------------- */

/* Whether the answer to GET or HEAD is the whole file, whatever the fields say. */
static bool is_plain(const torc__http_head *head)
{
    static const uint16_t none[TORC__HTTP_IF_UNMODIFIED_SINCE - TORC__HTTP_RANGE + 1];

    return memcmp(&head->known[TORC__HTTP_RANGE], none, sizeof(none)) == 0;
}

/* The entry, if it is still what the file is; else NULL, and it is gone. */
static torc__cached_file *find_fresh(
    torc_web_files *files, const torc_web_request *request, torc_slice key)
{
    torc__cached_file *file = torc__file_cache_find(&files->cache, key);
    torc_time now;

    if (file == NULL)
        return NULL;
    now = torc_now(request->site->reactor);
    if (TORC_LIKELY(now < file->fresh_until))
        return file;
    if (file->unsettled || !torc__file_stamps_hold(&files->root, file->path, file->stamps)) {
        torc__file_cache_drop(&files->cache, file);
        return NULL;
    }
    file->fresh_until = now + TORC__FILES_FRESH_FOR;
    return file;
}

static torc__web_ready *choose_version(const torc__cached_file *file, const torc__http_head *head)
{
    bool exists[TORC__CODING_COUNT];

    if (TORC_LIKELY(!file->varies))
        return file->ready[TORC__IDENTITY];
    for (size_t i = 0; i < TORC__CODING_COUNT; i++)
        exists[i] = file->ready[i] != NULL;
    return file->ready[torc__coding_choose(head, exists)];
}

void torc_web_files_handle(torc_web_request *request, void *context)
{
    torc_web_files *files = context;
    const torc__http_head *head = request->head;
    torc_slice key = head->target;
    torc__cached_file *file;

    if (TORC_UNLIKELY(head->method != TORC__HTTP_GET && head->method != TORC__HTTP_HEAD)) {
        torc_web_allow(request, "GET, HEAD");
        return;
    }
    /* A query means nothing to a file. */
    key = torc_slice_first(key, torc_slice_find_byte(key, '?'));
    if (key.length > TORC__CACHED_TARGET_MAX || !is_plain(head)) {
        look_up(files, request, torc_slice_make(NULL, 0));
        return;
    }
    file = find_fresh(files, request, key);
    if (TORC_LIKELY(file != NULL))
        torc__web_respond_ready(request, choose_version(file, head));
    else
        look_up(files, request, key);
}
