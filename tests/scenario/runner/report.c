/*
 * What went wrong, for a person: the story's line, expected beside got, and what had happened up to
 * there, in time order.
 */
#include "scenario/runner/play.h"

#include <stdio.h>

enum { LINES_MAX = 12, WIDTH_MAX = 160, EVENTS_MAX = 40 };

/* -- a difference -------------------------------------------------------------------------- */

/* Takes a line with its end off the front, or what there is. */
static torc_slice next_line(torc_slice *rest)
{
    size_t length = torc_slice_find_byte(*rest, '\n');
    torc_slice line = torc_slice_first(*rest, length + 1);

    *rest = torc_slice_skip(*rest, line.length);
    return line;
}

static void show_lines(torcs_bytes *text, const char *mark, torc_slice rest)
{
    for (int i = 0; rest.length > 0 && i < LINES_MAX; i++) {
        bytes_printf(text, "\n    %s ", mark);
        bytes_add_quoted(text, next_line(&rest), WIDTH_MAX);
    }
    if (rest.length > 0)
        bytes_printf(text, "\n    %s ... %zu bytes more", mark, rest.length);
}

void play_fail_differing(torcs_play *self, torc_slice expected, torc_slice got)
{
    torc_slice expected_rest = expected;
    torc_slice got_rest = got;
    torcs_bytes text = { NULL, 0, 0 };

    bytes_add_text(&text, "what came is not what was expected (-) but (+)");
    while (expected_rest.length > 0 && got_rest.length > 0) {
        torc_slice expected_next = expected_rest;
        torc_slice got_next = got_rest;
        torc_slice line = next_line(&expected_next);

        if (!torc_slice_equal(line, next_line(&got_next)))
            break;
        show_lines(&text, " ", line);
        expected_rest = expected_next;
        got_rest = got_next;
    }
    show_lines(&text, "-", expected_rest);
    show_lines(&text, "+", got_rest);
    if (got_rest.length == 0)
        bytes_add_text(&text, "\n    + (nothing more came)");
    if (!self->failed) {
        play_fail(self, "%s", "");
        bytes_add(&self->failure, bytes_slice(&text));
    }
    bytes_free(&text);
}

/* -- what happened ------------------------------------------------------------------------- */

static void show_event(const torcs_event *event)
{
    static const char *const marks[] = { "", ">", "<", "<", "log" };
    const char *who = event->client != NULL ? event->client : "";
    torc_slice rest = bytes_slice(&event->bytes);
    torcs_bytes text = { NULL, 0, 0 };

    printf("  %10.3fs  line %-4u %-8s %-3s", (double)event->time / (double)TORC_SECOND, event->line,
        who, marks[event->kind]);
    if (event->kind == EVENT_SENDS || event->kind == EVENT_RECEIVES) {
        for (int i = 0; rest.length > 0 && i < LINES_MAX; i++) {
            if (i > 0)
                bytes_printf(&text, "\n%34s%-3s", "", marks[event->kind]);
            bytes_add_quoted(&text, next_line(&rest), WIDTH_MAX);
        }
        if (rest.length > 0)
            bytes_printf(&text, "\n%37s... %zu bytes more", "", rest.length);
        printf("%s\n", bytes_text(&text));
        bytes_free(&text);
        return;
    }
    printf("%.*s\n", TORC_FMT(rest));
}

void play_report(const torcs_play *self)
{
    size_t first = self->event_count > EVENTS_MAX ? self->event_count - EVENTS_MAX : 0;

    printf("FAILED %s:%u (%s)\n  %s\n", self->story->path, self->failed_line, self->mode,
        bytes_text(&self->failure));
    printf("  what happened, in time order:\n");
    if (first > 0)
        printf("  (%zu events before)\n", first);
    for (size_t i = first; i < self->event_count; i++)
        show_event(&self->events[i]);
    fflush(stdout);
}
