/*
 * A play: steps in order, and the notes of what happened.
 */
#include "scenario/runner/play.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* -- notes --------------------------------------------------------------------------------- */

void play_note(
    torcs_play *self, torcs_event_kind kind, const torcs_client *client, torc_slice bytes)
{
    torcs_event *event;

    if (self->event_count == self->event_size) {
        size_t size = 2 * self->event_size + 32;
        struct torcs_event *larger = claim(size * sizeof(*larger));

        if (self->event_count > 0)
            memcpy(larger, self->events, self->event_count * sizeof(*larger));
        free(self->events);
        self->events = larger;
        self->event_size = size;
    }
    event = &self->events[self->event_count++];
    event->time = self->carrier->now(self);
    event->kind = kind;
    event->line = self->line;
    event->client = client != NULL ? client->name : NULL;
    bytes_add(&event->bytes, bytes);
}

void play_fail(torcs_play *self, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    if (self->failed)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    self->failed = true;
    self->failed_line = self->line;
    bytes_add_text(&self->failure, text);
}

void play_received(torcs_play *self, torcs_client *client, torc_slice bytes)
{
    if (bytes.length == 0)
        return;
    bytes_add(&client->received, bytes);
    play_note(self, EVENT_RECEIVES, client, bytes);
}

void play_ended(torcs_play *self, torcs_client *client, torcs_client_end end)
{
    if (client->end == end || client->end == CLIENT_RESET)
        return;
    client->end = end;
    play_note(self, EVENT_SEES, client,
        end == CLIENT_ENDED ? TORC_SLICE("the end") : TORC_SLICE("a reset"));
}

void play_logged(torcs_play *self, torc_slice line)
{
    bytes_add(&self->log, line);
    bytes_add_text(&self->log, "\n");
    play_note(self, EVENT_LOGS, NULL, line);
}

/* -- sending, in pieces -------------------------------------------------------------------- */

/* xorshift64: the same pieces from the same seed, everywhere. */
static uint64_t next_random(torcs_play *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

static size_t next_piece(torcs_play *self, size_t length)
{
    size_t piece = length;

    if (self->cutting.every != 0 && piece > self->cutting.every)
        piece = self->cutting.every;
    if (self->cutting.at > self->sent && piece > self->cutting.at - self->sent)
        piece = self->cutting.at - self->sent;
    if (self->cutting.seed != 0) {
        /* Mostly short pieces, since that is where the borders are. */
        uint64_t range = next_random(self) % 8 == 0 ? 4096 : 24;
        size_t random = 1 + (size_t)(next_random(self) % range);

        if (piece > random)
            piece = random;
    }
    return piece;
}

void play_send(torcs_play *self, torc_slice bytes)
{
    torcs_client *client = self->current;

    play_note(self, EVENT_SENDS, client, bytes);
    while (bytes.length > 0) {
        size_t piece = next_piece(self, bytes.length);

        self->carrier->send(self, client, torc_slice_first(bytes, piece));
        self->sent += piece;
        bytes = torc_slice_skip(bytes, piece);
    }
}

/* -- what has come ------------------------------------------------------------------------- */

torc_slice play_unread(const torcs_play *self)
{
    return torc_slice_skip(bytes_slice(&self->current->received), self->current->read);
}

void play_take(torcs_play *self, size_t count)
{
    self->current->read += count;
}

bool play_more(torcs_play *self)
{
    if (self->current->end != CLIENT_OPEN)
        return false;
    return self->carrier->wait(self, self->current, PLAY_PATIENCE);
}

bool play_take_line(torcs_play *self, torc_slice *ret_line)
{
    torc_slice unread;
    size_t length;

    do {
        unread = play_unread(self);
        length = torc_slice_find_byte(unread, '\n');
    } while (length == unread.length && play_more(self));
    unread = play_unread(self);
    if (length == unread.length) {
        torcs_bytes got = { NULL, 0, 0 };

        bytes_add_quoted(&got, unread, 400);
        play_fail(self, "expected a line; got %s and no line end", got.data);
        bytes_free(&got);
        return false;
    }
    play_take(self, length + 1);
    *ret_line = torc_slice_first(unread, length);
    if (torc_slice_ends_with(*ret_line, TORC_SLICE("\r")))
        ret_line->length--;
    return true;
}

/* -- texts --------------------------------------------------------------------------------- */

static const torcs_variable *find_variable(const torcs_play *self, const char *name)
{
    for (const torcs_variable *at = self->variables; at != NULL; at = at->next)
        if (strcmp(at->name, name) == 0)
            return at;
    return NULL;
}

void play_set(torcs_play *self, const char *name, torc_slice value)
{
    torcs_variable *added = claim(sizeof(*added));

    added->name = name;
    bytes_add(&added->value, value);
    added->next = self->variables;
    self->variables = added;
}

static void expand_item(torcs_play *self, const torcs_text_item *item, torcs_bytes *result)
{
    for (const torcs_text_part *part = item->parts; part != NULL; part = part->next) {
        const torcs_variable *variable;

        if (part->variable == NULL) {
            bytes_add(result, part->bytes);
            continue;
        }
        variable = find_variable(self, part->variable);
        if (variable != NULL)
            bytes_add(result, bytes_slice(&variable->value));
        else if (!self->lenient)
            play_fail(self, "nothing has been kept as '%s' by now", part->variable);
    }
}

void text_expand_lines(
    torcs_play *self, const torcs_text_item *text, const char *end, torcs_bytes *result)
{
    bytes_add_text(result, "");
    for (; text != NULL; text = text->next) {
        for (uint64_t i = 0; i < text->count; i++) {
            expand_item(self, text, result);
            bytes_add_text(result, end);
        }
    }
}

void text_expand(torcs_play *self, const torcs_text_item *text, torcs_bytes *result)
{
    text_expand_lines(self, text, "", result);
}

/* -- the whole ----------------------------------------------------------------------------- */

/* Bytes that no step has accounted for are a failure, too: of the story or of the server. */
static void check_unread(torcs_play *self)
{
    for (torcs_client *client = self->clients; client != NULL; client = client->next) {
        torcs_bytes rest = { NULL, 0, 0 };

        self->current = client;
        if (self->failed || play_unread(self).length == 0)
            continue;
        bytes_add_quoted(&rest, play_unread(self), 400);
        play_fail(self, "at the end %s has got what the story does not expect: %s", client->name,
            rest.data);
        bytes_free(&rest);
    }
}

void play_run(torcs_play *self)
{
    const torcs_story *story = self->story;

    self->random = self->cutting.seed != 0 ? self->cutting.seed * 0x9e3779b97f4a7c15u : 1;
    self->memory = claim(story->family->memory_size);
    self->line = story->server_line;
    if (self->carrier->start(self)) {
        for (size_t i = 0; i < story->step_count && !self->failed; i++) {
            const torcs_step *step = &story->steps[i];

            self->line = step->line;
            if (!self->lenient || step->verb->role == VERB_ACTS)
                step->verb->run(self, step);
        }
        if (!self->lenient)
            check_unread(self);
    }
    self->carrier->stop(self);
    if (story->family->forget != NULL)
        story->family->forget(self->memory);
    free(self->memory);
    self->memory = NULL;
}

void play_clean(torcs_play *self)
{
    while (self->clients != NULL) {
        torcs_client *client = self->clients;

        self->clients = client->next;
        bytes_free(&client->received);
        free(client);
    }
    while (self->variables != NULL) {
        torcs_variable *variable = self->variables;

        self->variables = variable->next;
        bytes_free(&variable->value);
        free(variable);
    }
    for (size_t i = 0; i < self->event_count; i++)
        bytes_free(&self->events[i].bytes);
    free(self->events);
    bytes_free(&self->log);
    bytes_free(&self->failure);
}
