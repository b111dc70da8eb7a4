/*
 * The family web: the files of a directory over HTTP, as torcd web serves them, or nginx; and verbs
 * that send requests and take answers apart. The verbs' own reading of answers shares no code with
 * the server.
 */
#include "scenario/runner/play.h"
#include "scenario/runner/text.h"

#include <torc/web.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

extern const torcs_family web_family;

/* -- the server ---------------------------------------------------------------------------- */

typedef struct web_settings {
    const char *root;
    const char *index;
    bool no_listing;
    size_t line_max;
    size_t head_max;
    size_t fields_max;
    size_t body_max;
    size_t connections_max;
    torc_time head;
    torc_time body;
    torc_time idle;
    torc_time send;
} web_settings;

#define SETTING(name) offsetof(web_settings, name)

static const torcs_option web_options[] = {
    { "root", OPTION_WORD, SETTING(root), NULL, "the directory that is served; else all files" },
    { "index", OPTION_WORD, SETTING(index), "--index", "the file that stands for its directory" },
    { "no-listing", OPTION_FLAG, SETTING(no_listing), "--no-listing", "no listings" },
    { "line-max", OPTION_NUMBER, SETTING(line_max), "--max-line", "bytes of a request line" },
    { "head-max", OPTION_NUMBER, SETTING(head_max), "--max-head", "bytes of a head" },
    { "fields-max", OPTION_NUMBER, SETTING(fields_max), "--max-fields", "fields of a head" },
    { "body-max", OPTION_NUMBER, SETTING(body_max), "--max-body", "bytes of a body" },
    { "connections-max", OPTION_NUMBER, SETTING(connections_max), "--max-connections",
        "connections at once (live)" },
    { "head", OPTION_TIME, SETTING(head), "--head-timeout", "for a head" },
    { "body", OPTION_TIME, SETTING(body), "--body-timeout", "between pieces of a body" },
    { "idle", OPTION_TIME, SETTING(idle), "--idle-timeout", "between requests" },
    { "send", OPTION_TIME, SETTING(send), "--send-timeout", "for a client that takes nothing" },
    { NULL, OPTION_FLAG, 0, NULL, NULL },
};

/* The log of the server in this process: there is one play at a time. */
static torc_web_log *access_log;

static torc_factory *web_make(
    const void *settings, const torcs_surroundings *where, torc_scope *scope, torcs_bytes *error)
{
    const web_settings *web = settings;
    torc_failure *failure = NULL;
    torc_web_files *files;

    access_log = torc_web_log_open(scope, where->access_log, &failure);
    files = access_log == NULL ? NULL : torc_web_files_new(&(torc_web_files_options){
        .path = where->root, .index = web->index, .no_listing = web->no_listing }, &failure);
    if (files == NULL) {
        bytes_add_text(error, torc_failure_text(failure));
        torc_failure_release(failure);
        return NULL;
    }
    return torc_web_site_new(&(torc_web_site_options){
        .handle = torc_web_files_handle,
        .context = files,
        .release = torc_web_files_free,
        .limits = { web->line_max, web->head_max, web->fields_max, web->body_max },
        .timeouts = { web->head, web->body, web->idle, web->send },
        .drops_bodies = true,
        .log = access_log,
        .connections_max = web->connections_max,
    });
}

static void web_flush_logs(void)
{
    torc_web_log_flush(access_log);
}

static void web_live(const void *settings, const torcs_surroundings *where, const char *program,
    torcs_command *command)
{
    command_add(command, program);
    command_add(command, "--log-file");
    command_add(command, where->log);
    command_add(command, "web");
    command_add(command, "--listen");
    command_add(command, "tcp:0:interface=127.0.0.1");
    command_add(command, "--path");
    command_add(command, where->root);
    command_add(command, "--access-log");
    command_add(command, where->access_log);
    family_add_flags(&web_family, settings, command);
}

static uint16_t web_find_port(const char *log)
{
    static const char mark[] = "on http://127.0.0.1:";
    const char *found = strstr(log, mark);

    return found != NULL && strchr(found, '\n') != NULL
        ? (uint16_t)strtoul(found + sizeof(mark) - 1, NULL, 10) : 0;
}

static bool web_nginx(
    const void *settings, const torcs_surroundings *where, torcs_bytes *configuration)
{
    const web_settings *web = settings;

    bytes_printf(configuration,
        "daemon off;\nmaster_process off;\nerror_log stderr crit;\n"
        "pid %s/nginx.pid;\nevents { }\n"
        "http {\n"
        "    types { text/plain txt; text/html html; }\n"
        "    client_body_temp_path %s/nginx-body;\n    proxy_temp_path %s/nginx-proxy;\n"
        "    fastcgi_temp_path %s/nginx-fastcgi;\n    uwsgi_temp_path %s/nginx-uwsgi;\n"
        "    scgi_temp_path %s/nginx-scgi;\n"
        "    access_log %s;\n"
        "    server {\n        listen unix:%s;\n        root %s;\n        autoindex %s;\n    }\n"
        "}\n",
        where->folder, where->folder, where->folder, where->folder, where->folder, where->folder,
        where->access_log, where->socket, where->root, web->no_listing ? "off" : "on");
    return true;
}

/* -- requests ------------------------------------------------------------------------------ */

static void send_request(
    torcs_play *play, const char *method, const char *target, const torcs_text_item *fields)
{
    torcs_bytes text = { NULL, 0, 0 };

    bytes_add_text(&text, method);
    bytes_add_text(&text, " ");
    bytes_add_text(&text, target);
    bytes_add_text(&text, " HTTP/1.1\r\nHost: localhost\r\n");
    text_expand_lines(play, fields, "\r\n", &text);
    bytes_add_text(&text, "\r\n");
    play_send(play, bytes_slice(&text));
    bytes_free(&text);
}

static void run_get(torcs_play *play, const torcs_step *step)
{
    send_request(play, "GET", step->arguments[0].word, step->arguments[1].text);
}

static void run_request(torcs_play *play, const torcs_step *step)
{
    send_request(play, step->arguments[0].word, step->arguments[1].word, step->arguments[2].text);
}

/* -- answers ------------------------------------------------------------------------------- */

/* The last answer that was taken. */
typedef struct http_answer {
    torcs_bytes head; /* with its empty line */
    torcs_bytes body;
} http_answer;

static void forget_answer(void *memory)
{
    http_answer *self = memory;

    bytes_free(&self->head);
    bytes_free(&self->body);
}

/* Takes `count` bytes to the end of `result`. False: fewer came, and the play has failed. */
static bool take_bytes(torcs_play *play, size_t count, torcs_bytes *result)
{
    while (play_unread(play).length < count && play_more(play))
        ;
    if (play_unread(play).length < count) {
        play_fail(play, "expected %zu more bytes of the answer's body; there came %zu", count,
            play_unread(play).length);
        return false;
    }
    bytes_add(result, torc_slice_first(play_unread(play), count));
    play_take(play, count);
    return true;
}

static bool take_head(torcs_play *play, torcs_bytes *result)
{
    torc_slice line;

    do {
        if (!play_take_line(play, &line))
            return false;
        bytes_add(result, line);
        bytes_add_text(result, "\r\n");
    } while (line.length > 0);
    return true;
}

/* The value of the first field of that name in the head; data NULL where there is none. */
static torc_slice find_field(const http_answer *self, const char *name)
{
    torc_slice rest = bytes_slice(&self->head);
    size_t length = strlen(name);

    while (rest.length > 0) {
        size_t end = torc_slice_find(rest, TORC_SLICE("\r\n"));
        torc_slice line = torc_slice_first(rest, end);

        rest = torc_slice_skip(rest, end + 2);
        if (line.length > length && line.data[length] == ':' &&
            torc_slice_equal_ignoring_case(torc_slice_first(line, length), torc_slice_of(name)))
            return torc_slice_trim(torc_slice_skip(line, length + 1));
    }
    return torc_slice_make(NULL, 0);
}

static bool take_chunks(torcs_play *play, torcs_bytes *result)
{
    torcs_bytes end = { NULL, 0, 0 };
    torc_slice line;
    size_t length = 1;
    bool good = true;

    while (good && length > 0) {
        good = play_take_line(play, &line);
        if (good)
            length = strtoul(line.data, NULL, 16);
        good = good && take_bytes(play, length, result) && take_bytes(play, 2, &end);
    }
    bytes_free(&end);
    return good;
}

static bool take_body(torcs_play *play, http_answer *self, unsigned long status)
{
    torc_slice length = find_field(self, "Content-Length");

    if (status < 200 || status == 204 || status == 304)
        return true;
    if (length.data != NULL)
        return take_bytes(play, strtoul(length.data, NULL, 10), &self->body);
    if (torc_slice_is(find_field(self, "Transfer-Encoding"), "chunked"))
        return take_chunks(play, &self->body);
    while (play_more(play))
        ;
    return take_bytes(play, play_unread(play).length, &self->body);
}

static void take_answer(torcs_play *play, const torcs_step *step, bool with_body)
{
    http_answer *self = play->memory;
    unsigned long status = 0;
    torcs_bytes first = { NULL, 0, 0 };

    bytes_clear(&self->head);
    bytes_clear(&self->body);
    if (!take_head(play, &self->head))
        return;
    if (torc_slice_starts_with(bytes_slice(&self->head), TORC_SLICE("HTTP/1.1 ")))
        status = strtoul(self->head.data + 9, NULL, 10);
    if (status != step->arguments[0].number) {
        torc_slice head = bytes_slice(&self->head);

        bytes_printf(&first, "HTTP/1.1 %lu", (unsigned long)step->arguments[0].number);
        play_fail_differing(play, bytes_slice(&first),
            torc_slice_first(head, torc_slice_find(head, TORC_SLICE("\r\n"))));
    } else if (with_body) {
        take_body(play, self, status);
    }
    bytes_free(&first);
}

static void run_answer(torcs_play *play, const torcs_step *step)
{
    take_answer(play, step, true);
}

static void run_answer_to_head(torcs_play *play, const torcs_step *step)
{
    take_answer(play, step, false);
}

static void run_field(torcs_play *play, const torcs_step *step)
{
    const char *name = step->arguments[0].word;
    torc_slice value = find_field(play->memory, name);
    torcs_bytes wanted = { NULL, 0, 0 };

    text_expand(play, step->arguments[1].text, &wanted);
    if (value.data == NULL)
        play_fail(play, "the answer has no field %s", name);
    else if (!torc_slice_equal(value, bytes_slice(&wanted)))
        play_fail_differing(play, bytes_slice(&wanted), value);
    bytes_free(&wanted);
}

static void run_field_match(torcs_play *play, const torcs_step *step)
{
    const char *name = step->arguments[0].word;
    const torcs_pattern *pattern = step->arguments[1].pattern;
    torc_slice value = find_field(play->memory, name);

    if (value.data == NULL)
        play_fail(play, "the answer has no field %s", name);
    else if (!pattern_fits(pattern, value))
        play_fail(play, "the field %s does not match\n    - /%s/\n    + %.*s", name,
            pattern->source, TORC_FMT(value));
}

static void run_no_field(torcs_play *play, const torcs_step *step)
{
    const char *name = step->arguments[0].word;
    torc_slice value = find_field(play->memory, name);

    if (value.data != NULL)
        play_fail(play, "the answer has a field %s: %.*s", name, TORC_FMT(value));
}

/* Acts, because what is kept is sent later on. Where there is no answer, nothing is kept. */
static void run_keep_field(torcs_play *play, const torcs_step *step)
{
    const char *name = step->arguments[0].word;
    torc_slice value = find_field(play->memory, name);

    if (value.data != NULL)
        play_set(play, step->arguments[1].word, value);
    else if (!play->lenient)
        play_fail(play, "the answer has no field %s", name);
}

static void run_body(torcs_play *play, const torcs_step *step)
{
    const http_answer *self = play->memory;
    torcs_bytes wanted = { NULL, 0, 0 };

    text_expand(play, step->arguments[0].text, &wanted);
    if (!torc_slice_equal(bytes_slice(&wanted), bytes_slice(&self->body)))
        play_fail_differing(play, bytes_slice(&wanted), bytes_slice(&self->body));
    bytes_free(&wanted);
}

static void run_body_match(torcs_play *play, const torcs_step *step)
{
    const http_answer *self = play->memory;
    const torcs_pattern *pattern = step->arguments[0].pattern;

    if (!pattern_fits(pattern, bytes_slice(&self->body)))
        play_fail(play, "the body does not match\n    - /%s/\n    + %.800s", pattern->source,
            bytes_text(&self->body));
}

static void run_body_length(torcs_play *play, const torcs_step *step)
{
    const http_answer *self = play->memory;

    if (self->body.length != step->arguments[0].number)
        play_fail(play, "the body has %zu bytes, and not %zu", self->body.length,
            (size_t)step->arguments[0].number);
}

static const torcs_verb web_verbs[] = {
    { "get", "w?t", VERB_ACTS, true, run_get,
        "TARGET FIELD...: sends a GET of HTTP/1.1, each text a field" },
    { "request", "ww?t", VERB_ACTS, true, run_request, "METHOD TARGET FIELD..., as get" },
    { "answer", "n", VERB_EXPECTS, true, run_answer,
        "takes an answer, which has this status; the verbs below look at it" },
    { "answer-to-head", "n", VERB_EXPECTS, true, run_answer_to_head,
        "as answer, and no body follows whatever its head says" },
    { "field", "wt", VERB_EXPECTS, true, run_field, "the field NAME has this value" },
    { "field-match", "wp", VERB_EXPECTS, true, run_field_match, "its value matches" },
    { "no-field", "w", VERB_EXPECTS, true, run_no_field, "the answer has no field NAME" },
    { "keep-field", "ww", VERB_ACTS, true, run_keep_field,
        "FIELD NAME: \\{NAME} is the field's value from here on" },
    { "body", "t", VERB_EXPECTS, true, run_body, "the body is this" },
    { "body-match", "p", VERB_EXPECTS, true, run_body_match, "the body matches" },
    { "body-length", "n", VERB_EXPECTS, true, run_body_length, "the body has so many bytes" },
    { NULL, NULL, VERB_ACTS, false, NULL, NULL },
};

const torcs_family web_family = {
    .name = "web",
    .summary = "the files of a directory over HTTP",
    .settings_size = sizeof(web_settings),
    .options = web_options,
    .verbs = web_verbs,
    .memory_size = sizeof(http_answer),
    .forget = forget_answer,
    .make = web_make,
    .flush_logs = web_flush_logs,
    .live = web_live,
    .find_port = web_find_port,
    .nginx = web_nginx,
};
