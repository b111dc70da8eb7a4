/*
 * The access log: lines in the combined format, gathered in one block and written in batches.
 *
 *   192.0.2.7 - - [21/Nov/2026:13:32:35 +0200] "GET /a HTTP/1.1" 200 13 "referer" "user agent"
 *
 * What a client sends is put into quotes with everything escaped that could end them or forge a
 * line. The time's text is made once a second.
 */
#include "web/access_log.h"

#include "base/decimal.h"
#include "base/memory.h"
#include "base/system_call.h"
#include "base/write_at_once.h"
#include "web/http_server.h"

#include <torc/log.h>
#include <torc/reactor.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BLOCK_SIZE = 64 * 1024,
    TEXT_MAX = 2048, /* of one quoted text, before escaping */
    LINE_MAX_BYTES = 3 * 4 * TEXT_MAX + 512,
    TIME_SIZE = sizeof("21/Nov/2026:13:32:35 +0200"),
};

struct torc_web_log {
    torc_scope *scope;
    torc_reactor *reactor;
    torc_timer timer;
    char *path; /* NULL: the standard output */
    int file;
    bool failed;  /* said once */
    uint64_t lines_dropped;
    torc_time time_until; /* on the reactor's clock */
    char time[TIME_SIZE + 16];
    size_t time_length;
    size_t length;
    char block[BLOCK_SIZE];
};

/* -- writing ------------------------------------------------------------------------------- */

static void note_failure(torc_web_log *self, int error)
{
    if (!self->failed)
        torc_log_error("the access log cannot be written: %s", strerror(error));
    self->failed = true;
}

/* Writes what can be written without waiting; moves the rest to the front. */
static void write_out(torc_web_log *self)
{
    ssize_t done = torc__write_at_once(self->file, self->block, self->length);

    if (done < 0) {
        note_failure(self, (int)-done);
        done = (ssize_t)self->length;
    }
    self->length -= (size_t)done;
    memmove(self->block, self->block + done, self->length);
}

static void on_timer(void *argument);

static void set_timer(torc_web_log *self)
{
    torc_timer_set(&self->timer, self->scope, TORC_SECOND, on_timer, self);
}

void torc_web_log_flush(torc_web_log *self)
{
    write_out(self);
    if (self->lines_dropped != 0 && self->length == 0) {
        torc_log_warn("the access log's reader was too slow: %llu lines were dropped",
            (unsigned long long)self->lines_dropped);
        self->lines_dropped = 0;
    }
}

static void on_timer(void *argument)
{
    torc_web_log *self = argument;

    torc_web_log_flush(self);
    if (self->length != 0)
        set_timer(self);
}

/* -- opening ------------------------------------------------------------------------------- */

static torc_failure *open_file(torc_web_log *self)
{
    int file = STDOUT_FILENO;

    if (self->path != NULL) {
        file = TORC__CALL(
            open, self->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
        if (file < 0)
            return torc_failure_from_errno(errno, "cannot open the access log %s", self->path);
        if (self->file >= 0)
            close(self->file);
    }
    self->file = file;
    self->failed = false;
    return NULL;
}

static void free_log(torc_web_log *self)
{
    if (self->path != NULL && self->file >= 0)
        close(self->file);
    torc__free(self->path);
    torc__free(self);
}

static void scope_ended(void *argument)
{
    torc_web_log *self = argument;

    torc_web_log_flush(self);
    torc_timer_cancel(&self->timer);
    free_log(self);
}

torc_web_log *torc_web_log_open(torc_scope *scope, const char *path, torc_failure **reterr_failure)
{
    torc_web_log *self = torc__allocate_zeroed(sizeof(*self));

    if (self == NULL)
        goto out_of_memory;
    self->scope = scope;
    self->reactor = torc_scope_reactor(scope);
    self->file = -1;
    if (path != NULL && strcmp(path, "-") != 0) {
        self->path = torc_slice_dup(torc_slice_of(path));
        if (self->path == NULL)
            goto out_of_memory;
    }
    *reterr_failure = open_file(self);
    if (*reterr_failure != NULL) {
        free_log(self);
        return NULL;
    }
    if (torc_scope_on_end(scope, scope_ended, self))
        return self;

out_of_memory:
    if (self != NULL)
        free_log(self);
    *reterr_failure = torc_failure_new(&torc_error_out_of_memory, "no memory for an access log");
    return NULL;
}

torc_failure *torc_web_log_reopen(torc_web_log *self)
{
    torc_web_log_flush(self);
    return open_file(self);
}

/* -- lines --------------------------------------------------------------------------------- */

static void refresh_time(torc_web_log *self)
{
    torc_time wall = torc_wall_now();
    time_t seconds = (time_t)(wall / TORC_SECOND);
    struct tm parts;

    self->time_until = torc_now(self->reactor) + TORC_SECOND - wall % TORC_SECOND;
    self->time_length = 0;
    if (localtime_r(&seconds, &parts) != NULL)
        self->time_length =
            strftime(self->time, sizeof(self->time), "%d/%b/%Y:%H:%M:%S %z", &parts);
}

static void add(torc_web_log *self, torc_slice text)
{
    if (text.length == 0)
        return;
    memcpy(self->block + self->length, text.data, text.length);
    self->length += text.length;
}

static void add_number(torc_web_log *self, uint64_t number)
{
    char digits[TORC__DECIMAL_MAX];

    add(self, torc__decimal(number, digits));
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* What a client said: so that it can neither end the quotes nor the line. */
static void add_escaped(torc_web_log *self, torc_slice text)
{
    static const char hexadecimal[] = "0123456789ABCDEF";
    char *out = self->block + self->length;

    text = torc_slice_first(text, TEXT_MAX);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (is_plain(byte)) {
            *out++ = (char)byte;
            continue;
        }
        *out++ = '\\';
        *out++ = 'x';
        *out++ = hexadecimal[byte >> 4];
        *out++ = hexadecimal[byte & 15];
    }
    self->length = (size_t)(out - self->block);
}

static void add_quoted(torc_web_log *self, torc_slice text)
{
    if (text.length == 0) {
        add(self, TORC_SLICE(" \"-\""));
        return;
    }
    add(self, TORC_SLICE(" \""));
    add_escaped(self, text);
    add(self, TORC_SLICE("\""));
}

static void add_request_line(torc_web_log *self, const torc__http_head *head)
{
    if (head->target.length == 0) {
        add(self, TORC_SLICE("] \"-\" "));
        return;
    }
    add(self, TORC_SLICE("] \""));
    add_escaped(self, head->method_name);
    add(self, TORC_SLICE(" "));
    add_escaped(self, head->target);
    add(self, head->version_minor == 0 ? TORC_SLICE(" HTTP/1.0\" ") : TORC_SLICE(" HTTP/1.1\" "));
}

/* Room for one more line, or the line is counted as lost. */
static bool have_room(torc_web_log *self)
{
    if (self->length + LINE_MAX_BYTES <= BLOCK_SIZE)
        return true;
    write_out(self);
    if (self->length + LINE_MAX_BYTES <= BLOCK_SIZE)
        return true;
    self->lines_dropped++;
    return false;
}

void torc__web_log_request(torc_web_log *self, const torc_web_request *request)
{
    const torc__http_head *head = request->head;
    char host[TORC_ADDRESS_TEXT_MAX];

    if (head == NULL || !have_room(self))
        return;
    if (torc_now(self->reactor) >= self->time_until)
        refresh_time(self);
    add(self, torc_slice_of(torc_peer_host(request->connection->protocol.transport, host)));
    add(self, TORC_SLICE(" - - ["));
    add(self, torc_slice_make(self->time, self->time_length));
    add_request_line(self, head);
    add_number(self, (uint64_t)request->status);
    add(self, TORC_SLICE(" "));
    add_number(self, request->body_sent);
    add_quoted(self, torc__http_head_value(head, TORC__HTTP_REFERER));
    add_quoted(self, torc__http_head_value(head, TORC__HTTP_USER_AGENT));
    add(self, TORC_SLICE("\n"));
    if (!torc_timer_is_set(&self->timer))
        set_timer(self);
}
