/*
 * A file as an answer: which version, whether the request's conditions hold, which ranges. A small
 * file that is asked for as a whole goes into the cache on its way.
 */
#include <fcntl.h>

#include "web/static_files.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/system_call.h"
#include "web/http_conditional.h"
#include "web/http_range.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINES_MAX 768
#define TYPE_MAX 256

/* A file whose stamp is younger than this may change again without its stamp changing. */
#define SETTLED_AFTER (100 * TORC_MILLISECOND)

typedef struct sending {
    torc_web_files *files;
    torc_web_request *request;
    const char *path;
    torc__file_versions *versions;
    torc__coding coding;
    const struct stat *status; /* of the version that is sent */
    uint64_t size;
    torc_slice etag;
    char etag_text[TORC__ETAG_SIZE];
    char type[TYPE_MAX]; /* as a C string */
} sending;

/* -- fields -------------------------------------------------------------------------------- */

/* The fields that name this version, and tell caches by what it was chosen. */
static size_t write_validators(
    const torc__file_versions *versions, torc__coding coding, char *text, size_t size)
{
    char etag[TORC__ETAG_SIZE];
    char modified[TORC__HTTP_DATE_LENGTH + 1];
    const struct stat *status = &versions->of[coding].status;

    torc__file_etag(status, etag);
    torc__http_date_format((int64_t)status->st_mtim.tv_sec, modified);
    return (size_t)snprintf(text, size, "Last-Modified: %s\r\nETag: %s\r\n%s%s%s%s", modified, etag,
        versions->varies ? "Vary: Accept-Encoding\r\n" : "",
        torc__coding_names[coding] != NULL ? "Content-Encoding: " : "",
        torc__coding_names[coding] != NULL ? torc__coding_names[coding] : "",
        torc__coding_names[coding] != NULL ? "\r\n" : "");
}

/*
 * Adds the fields of this version, and `line` behind them. A body without them could be taken for
 * another one: where memory is out, that is answered, and the answer is false.
 */
static bool add_fields(const sending *self, const char *line)
{
    char lines[LINES_MAX];
    size_t length = write_validators(self->versions, self->coding, lines, sizeof(lines));

    length += (size_t)snprintf(
        lines + length, sizeof(lines) - length, "Accept-Ranges: bytes\r\n%s", line);
    if (torc__web_add_lines(self->request, torc_slice_make(lines, length)))
        return true;
    torc__files_refuse(self->request, ENOMEM);
    return false;
}

static bool is_get(const sending *self)
{
    return self->request->head->method == TORC__HTTP_GET;
}

/* -- the whole ----------------------------------------------------------------------------- */

static int take_file(sending *self)
{
    return torc__file_versions_take(self->versions, self->coding);
}

static void send_whole(sending *self)
{
    if (!add_fields(self, ""))
        return;
    torc_web_start(self->request, 200, self->type, (int64_t)self->size);
    if (is_get(self) && self->size != 0)
        torc_web_send_file(self->request, take_file(self), 0, (int64_t)self->size);
    torc_web_finish(self->request);
}

/* -- into the cache ------------------------------------------------------------------------ */

/* NULL when it cannot be read as a whole, as when it changes meanwhile. */
static torc_buffer *read_file(int file, size_t size)
{
    torc_buffer *bytes = torc_buffer_new(size);
    size_t done = 0;

    if (bytes == NULL)
        return NULL;
    while (done < size) {
        ssize_t count =
            TORC__CALL(pread, file, torc_buffer_bytes(bytes) + done, size - done, (off_t)done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            torc_buffer_release(bytes);
            return NULL;
        }
        done += (size_t)count;
    }
    return bytes;
}

static torc__web_ready *make_ready(const sending *self, torc__coding coding)
{
    const torc__file_version *version = &self->versions->of[coding];
    size_t size = (size_t)version->status.st_size;
    torc_buffer *body = read_file(version->file, size);
    char lines[LINES_MAX];
    int length;

    if (body == NULL)
        return NULL;
    length = snprintf(lines, sizeof(lines),
        "Content-Length: %zu\r\nContent-Type: %s\r\nAccept-Ranges: bytes\r\n", size, self->type);
    length += (int)write_validators(
        self->versions, coding, lines + length, sizeof(lines) - (size_t)length);
    return torc__web_ready_new(self->request->site, torc_slice_make(lines, (size_t)length), body);
}

static bool is_small(const sending *self)
{
    for (size_t i = 0; i < TORC__CODING_COUNT; i++) {
        const torc__file_version *version = &self->versions->of[i];

        if (version->file >= 0 && (uint64_t)version->status.st_size > self->files->cache_file_max)
            return false;
    }
    return true;
}

static bool is_unsettled(const torc__file_version *version)
{
    const struct timespec *changed = &version->status.st_ctim;
    torc_time age = torc_wall_now() - (torc_time)changed->tv_sec * TORC_SECOND - changed->tv_nsec;

    return age < SETTLED_AFTER;
}

static bool fill_in(sending *self, torc__cached_file *file)
{
    for (torc__coding coding = TORC__IDENTITY; coding < TORC__CODING_COUNT; coding++) {
        const torc__file_version *version = &self->versions->of[coding];

        if (version->file < 0)
            continue;
        file->ready[coding] = make_ready(self, coding);
        if (file->ready[coding] == NULL)
            return false;
        file->bytes += sizeof(torc__web_ready) + LINES_MAX + (size_t)version->status.st_size;
        torc__file_stamp_of(&version->status, &file->stamps[coding]);
        file->unsettled = file->unsettled || is_unsettled(version);
    }
    file->varies = self->versions->varies;
    file->fresh_until = torc_now(self->request->site->reactor) + TORC__FILES_FRESH_FOR;
    return true;
}

/* Answers by way of the cache. False, with nothing answered, when that cannot be. */
static bool send_and_cache(sending *self, torc_slice target)
{
    torc__cached_file *file;
    torc__web_ready *ready;

    if (target.length == 0 || !is_small(self))
        return false;
    file = torc__cached_file_new(target, self->path);
    if (file == NULL)
        return false;
    if (!fill_in(self, file)) {
        torc__cached_file_free(file);
        return false;
    }
    ready = file->ready[self->coding];
    if (!torc__file_cache_add(&self->files->cache, file))
        return false;
    torc__web_respond_ready(self->request, ready);
    return true;
}

/* -- ranges -------------------------------------------------------------------------------- */

static void send_one_range(sending *self, const torc__http_range *range)
{
    char line[128];

    snprintf(line, sizeof(line), "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n",
        range->first, range->first + range->length - 1, self->size);
    if (!add_fields(self, line))
        return;
    torc_web_start(self->request, 206, self->type, (int64_t)range->length);
    torc_web_send_file(
        self->request, take_file(self), (int64_t)range->first, (int64_t)range->length);
    torc_web_finish(self->request);
}

/* The several ranges of one answer, each of which needs a descriptor that is given away. */
typedef struct parts {
    const torc__http_ranges *ranges;
    int files[TORC__HTTP_MAX_RANGES];
    char boundary[40];
} parts;

static size_t write_part_head(
    const sending *self, const parts *all, size_t index, char *text, size_t size)
{
    const torc__http_range *range = &all->ranges->ranges[index];

    return (size_t)snprintf(text, size,
        "\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64
        "\r\n\r\n",
        all->boundary, self->type, range->first, range->first + range->length - 1, self->size);
}

static size_t write_end(const parts *all, char *text, size_t size)
{
    return (size_t)snprintf(text, size, "\r\n--%s--\r\n", all->boundary);
}

static bool duplicate_files(const sending *self, parts *all)
{
    for (size_t i = 0; i < all->ranges->count; i++) {
        all->files[i] =
            TORC__CALL(fcntl, self->versions->of[self->coding].file, F_DUPFD_CLOEXEC, 0);
        if (all->files[i] >= 0)
            continue;
        while (i-- > 0)
            close(all->files[i]);
        return false;
    }
    return true;
}

static void send_all_parts(sending *self, parts *all)
{
    uint64_t random[2];
    char text[LINES_MAX];
    char type[96];
    uint64_t total;

    torc__random_bytes(random, sizeof(random));
    snprintf(all->boundary, sizeof(all->boundary), "%016" PRIx64 "%016" PRIx64, random[0],
        random[1]);
    total = write_end(all, text, sizeof(text));
    for (size_t i = 0; i < all->ranges->count; i++)
        total += write_part_head(self, all, i, text, sizeof(text)) + all->ranges->ranges[i].length;
    snprintf(type, sizeof(type), "multipart/byteranges; boundary=%s", all->boundary);
    torc_web_start(self->request, 206, type, (int64_t)total);
    for (size_t i = 0; i < all->ranges->count; i++) {
        const torc__http_range *range = &all->ranges->ranges[i];

        torc_web_send(self->request,
            torc_slice_make(text, write_part_head(self, all, i, text, sizeof(text))));
        torc_web_send_file(
            self->request, all->files[i], (int64_t)range->first, (int64_t)range->length);
    }
    torc_web_send(self->request, torc_slice_make(text, write_end(all, text, sizeof(text))));
    torc_web_finish(self->request);
}

/* False, with nothing answered, when there are not enough descriptors. */
static bool send_parts(sending *self, const torc__http_ranges *ranges)
{
    parts all = { .ranges = ranges };

    if (!duplicate_files(self, &all))
        return false;
    if (add_fields(self, "")) {
        send_all_parts(self, &all);
        return true;
    }
    for (size_t i = 0; i < ranges->count; i++)
        close(all.files[i]);
    return true;
}

static void refuse_range(sending *self)
{
    char lines[64];
    int length =
        snprintf(lines, sizeof(lines), "Content-Range: bytes */%" PRIu64 "\r\n", self->size);

    torc__web_add_lines(self->request, torc_slice_make(lines, (size_t)length));
    torc_web_respond_status(self->request, 416);
}

/* Answers with ranges, if that is what the request asks for. */
static bool send_ranges(sending *self, const torc__http_validators *validators, int64_t now)
{
    const torc__http_head *head = self->request->head;
    torc__http_ranges ranges;

    if (!is_get(self) || !torc__http_head_has(head, TORC__HTTP_RANGE) ||
        !torc__http_range_applies(head, validators, now))
        return false;
    switch (torc__http_range_parse(
        torc__http_head_value(head, TORC__HTTP_RANGE), self->size, &ranges)) {
    case TORC__HTTP_RANGE_UNSATISFIABLE:
        refuse_range(self);
        return true;
    case TORC__HTTP_RANGE_SATISFIABLE:
        if (ranges.count != 1)
            return send_parts(self, &ranges);
        send_one_range(self, &ranges.ranges[0]);
        return true;
    case TORC__HTTP_RANGE_IGNORED:
        break;
    }
    return false;
}

/* -- all of it ----------------------------------------------------------------------------- */

static void choose(sending *self)
{
    bool exists[TORC__CODING_COUNT];
    torc_slice type = torc__mime_types_find(self->files->types, torc_slice_of(self->path));

    for (size_t i = 0; i < TORC__CODING_COUNT; i++)
        exists[i] = self->versions->of[i].file >= 0;
    self->coding = self->versions->varies
        ? torc__coding_choose(self->request->head, exists) : TORC__IDENTITY;
    self->status = &self->versions->of[self->coding].status;
    self->size = (uint64_t)self->status->st_size;
    self->etag = torc__file_etag(self->status, self->etag_text);
    snprintf(self->type, sizeof(self->type), "%.*s", TORC_FMT(type));
}

void torc__files_send(torc_web_files *files, torc_web_request *request, const char *path,
    torc__file_versions *versions, torc_slice target)
{
    sending self = { .files = files, .request = request, .path = path, .versions = versions };
    torc__http_validators validators = { .exists = true, .has_modified = true };
    int64_t now;

    torc__web_site_tick(request->site);
    now = request->site->date_seconds;
    choose(&self);
    validators.etag = self.etag;
    validators.modified = (int64_t)self.status->st_mtim.tv_sec;
    switch (torc__http_evaluate_conditions(request->head, &validators, now)) {
    case TORC__HTTP_NOT_MODIFIED:
        if (add_fields(&self, ""))
            torc_web_respond_status(request, 304);
        return;
    case TORC__HTTP_PRECONDITION_FAILED:
        torc_web_respond_status(request, 412);
        return;
    case TORC__HTTP_PROCEED:
        break;
    }
    if (!send_ranges(&self, &validators, now) && !send_and_cache(&self, target))
        send_whole(&self);
}
