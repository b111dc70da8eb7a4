/*
 * The family line: a server of line receivers that shows what they do. Each line is answered by a
 * line that says what it was; some lines ask for more:
 *
 *     raw N       the next N bytes are raw; they are answered as one piece when all are there
 *     pause T     reading pauses for so many milliseconds
 *     say TEXT    everybody else gets "NAME: TEXT"; `name TEXT` sets the name
 *     quit        an answer, and the end
 *     abort       a reset
 *
 * `torc-scenario --serve line WORD...` is the same server on a port, for live plays.
 */
#include "scenario/runner/play.h"
#include "scenario/runner/serve.h"

#include <torc.h>
#include <torc/line.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct line_settings {
    const char *delimiter; /* a name: crlf, lf, nul, dash */
    size_t max;
    bool drops_long;
    bool drops_raw;
} line_settings;

#define SETTING(name) offsetof(line_settings, name)

static const torcs_option line_options[] = {
    { "delimiter", OPTION_WORD, SETTING(delimiter), NULL, "crlf, lf, nul, or a word; else crlf" },
    { "max", OPTION_NUMBER, SETTING(max), NULL, "the longest line; else the library's default" },
    { "drops-long", OPTION_FLAG, SETTING(drops_long), NULL, "a line that is too long is the end" },
    { "drops-raw", OPTION_FLAG, SETTING(drops_raw), NULL, "nobody takes raw bytes" },
    { NULL, OPTION_FLAG, 0, NULL, NULL },
};

enum { NAME_MAX_LENGTH = 20, RAW_MAX = 100000, SHOWN_MAX = 60 };

typedef struct speaker {
    torc_line_receiver lines;
    char name[NAME_MAX_LENGTH + 1];
    size_t raw_left;
    size_t raw_length;
    char raw_start[64]; /* of the raw bytes, for the answer */
    struct speaker *next;
} speaker;

/* What all connections share: the class is made to measure. */
typedef struct room {
    torc_line_class kind;
    speaker *speakers;
} room;

static room *room_of(const speaker *self)
{
    return torc_context_of(self);
}

static void answer(speaker *self, const char *what, torc_slice said)
{
    torcs_bytes text = { NULL, 0, 0 };

    bytes_printf(&text, "%s %zu '", what, said.length);
    bytes_add(&text, torc_slice_first(said, SHOWN_MAX));
    bytes_add_text(&text, said.length > SHOWN_MAX ? "...'" : "'");
    torc_line_send(&self->lines, bytes_slice(&text));
    bytes_free(&text);
}

/* -- what lines ask for -------------------------------------------------------------------- */

static void begin_raw(speaker *self, torc_slice count)
{
    uint64_t number;

    if (!torc_slice_to_number(count, RAW_MAX, &number) || number == 0) {
        answer(self, "no number", count);
        return;
    }
    self->raw_left = (size_t)number;
    self->raw_length = 0;
    torc_line_set_raw(&self->lines);
}

static void resume(void *argument)
{
    speaker *self = argument;

    answer(self, "resumed", TORC_SLICE(""));
    torc_resume_reading(self->lines.protocol.transport);
}

static void pause_for(speaker *self, torc_slice milliseconds)
{
    uint64_t number;

    if (!torc_slice_to_number(milliseconds, 1000000, &number)) {
        answer(self, "no number", milliseconds);
        return;
    }
    torc_pause_reading(self->lines.protocol.transport);
    torc_call_later(torc_scope_of(self), (torc_time)number * TORC_MILLISECOND, resume, self);
}

static void take_name(speaker *self, torc_slice name)
{
    snprintf(self->name, sizeof(self->name), "%.*s", TORC_FMT(name));
    torc_log_info("%s has come", self->name);
}

static void say(const speaker *self, torc_slice text)
{
    char said[200];
    int length = snprintf(said, sizeof(said), "%s: %.*s", self->name,
        TORC_FMT(torc_slice_first(text, 100)));

    for (speaker *at = room_of(self)->speakers; at != NULL; at = at->next)
        if (at != self)
            torc_line_send(&at->lines, torc_slice_make(said, (size_t)length));
}

static void line_received(torc_line_receiver *lines, torc_slice line)
{
    speaker *self = torc_of(lines, speaker);
    torc_slice rest = line;
    torc_slice word = torc_next_word(&rest);

    if (torc_slice_is(word, "raw"))
        begin_raw(self, rest);
    else if (torc_slice_is(word, "pause"))
        pause_for(self, rest);
    else if (torc_slice_is(word, "name"))
        take_name(self, rest);
    else if (torc_slice_is(word, "say"))
        say(self, rest);
    else if (torc_slice_is(word, "abort"))
        torc_abort_connection(lines->protocol.transport);
    else
        answer(self, "line", line);
    if (torc_slice_is(word, "quit"))
        torc_lose_connection(lines->protocol.transport);
}

static void raw_received(torc_line_receiver *lines, torc_slice data)
{
    speaker *self = torc_of(lines, speaker);
    torc_slice mine = torc_slice_first(data, self->raw_left);
    size_t kept = sizeof(self->raw_start);

    for (size_t i = 0; i < mine.length && self->raw_length + i < kept; i++)
        self->raw_start[self->raw_length + i] = mine.data[i];
    self->raw_length += mine.length;
    self->raw_left -= mine.length;
    if (self->raw_left > 0)
        return;
    if (self->raw_length > kept)
        answer(self, "raw, and more than", torc_slice_make(self->raw_start, kept));
    else
        answer(self, "raw", torc_slice_make(self->raw_start, self->raw_length));
    torc_line_set_lines(lines, torc_slice_skip(data, mine.length));
}

static void line_too_long(torc_line_receiver *lines, torc_slice start)
{
    answer(torc_of(lines, speaker), "too long", start);
}

static void speaker_made(torc_protocol *protocol)
{
    speaker *self = torc_of(protocol, speaker);

    self->next = room_of(self)->speakers;
    room_of(self)->speakers = self;
}

static void speaker_lost(torc_protocol *protocol, const torc_failure *reason)
{
    speaker *self = torc_of(protocol, speaker);
    speaker **link = &room_of(self)->speakers;

    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    if (self->name[0] != '\0')
        torc_log_info("%s has gone: %s", self->name, torc_failure_type_of(reason)->name);
}

/* -- the server ---------------------------------------------------------------------------- */

static const char *delimiter_named(const char *name)
{
    if (name == NULL || strcmp(name, "crlf") == 0)
        return NULL;
    return strcmp(name, "lf") == 0 ? "\n" : name;
}

static torc_factory *line_make(
    const void *settings, const torcs_surroundings *where, torc_scope *scope, torcs_bytes *error)
{
    const line_settings *line = settings;
    room *here = claim(sizeof(*here));

    (void)where;
    (void)scope;
    (void)error;
    here->kind = (torc_line_class){
        .protocol = {
            .name = "Speaker",
            .size = sizeof(speaker),
            .connection_made = speaker_made,
            .connection_lost = speaker_lost,
        },
        .delimiter = delimiter_named(line->delimiter),
        .max_length = line->max,
        .line_received = line_received,
        .raw_received = line->drops_raw ? NULL : raw_received,
        .line_too_long = line->drops_long ? NULL : line_too_long,
    };
    return torc_line_factory_new(
        &here->kind, &(torc_factory_options){ .context = here, .release = free });
}

static void line_live(const void *settings, const torcs_surroundings *where, const char *program,
    torcs_command *command)
{
    const line_settings *line = settings;

    command_add(command, program);
    command_add(command, "--serve");
    command_add(command, where->log);
    command_add(command, "line");
    if (line->delimiter != NULL)
        command_printf(command, "delimiter=%s", line->delimiter);
    if (line->max != 0)
        command_printf(command, "max=%zu", line->max);
    if (line->drops_long)
        command_add(command, "drops-long");
    if (line->drops_raw)
        command_add(command, "drops-raw");
}

static const torcs_verb line_verbs[] = {
    { NULL, NULL, VERB_ACTS, false, NULL, NULL },
};

extern const torcs_family line_family;

const torcs_family line_family = {
    .name = "line",
    .summary = "line receivers that say what they receive",
    .settings_size = sizeof(line_settings),
    .options = line_options,
    .verbs = line_verbs,
    .make = line_make,
    .live = line_live,
    .find_port = serve_find_port,
};
