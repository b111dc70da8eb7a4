/*
 * The verbs that every family has: connections, bytes, time, files, logs.
 */
#include "scenario/runner/play.h"
#include "scenario/runner/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long a live play looks whether nothing comes. */
#define QUIET_TIME (100 * TORC_MILLISECOND)

/* -- clients ------------------------------------------------------------------------------- */

static void run_client(torcs_play *play, const torcs_step *step)
{
    torcs_client **end = &play->clients;
    torcs_client *added;

    for (; *end != NULL; end = &(*end)->next) {
        if (strcmp((*end)->name, step->arguments[0].word) == 0) {
            play->current = *end;
            return;
        }
    }
    added = claim(sizeof(*added));
    added->name = step->arguments[0].word;
    *end = added;
    play->current = added;
    play_note(play, EVENT_DOES, added, TORC_SLICE("connects"));
    if (!play->carrier->connect(play, added))
        play_fail(play, "%s cannot connect", added->name);
}

static void run_send(torcs_play *play, const torcs_step *step)
{
    torcs_bytes text = { NULL, 0, 0 };

    text_expand(play, step->arguments[0].text, &text);
    play_send(play, bytes_slice(&text));
    bytes_free(&text);
}

static void run_close(torcs_play *play, const torcs_step *step)
{
    (void)step;
    play_note(play, EVENT_DOES, play->current, TORC_SLICE("closes"));
    play->carrier->close(play, play->current);
}

static void run_close_write(torcs_play *play, const torcs_step *step)
{
    (void)step;
    play_note(play, EVENT_DOES, play->current, TORC_SLICE("closes its half"));
    play->carrier->close_write(play, play->current);
}

static void run_reset(torcs_play *play, const torcs_step *step)
{
    (void)step;
    play_note(play, EVENT_DOES, play->current, TORC_SLICE("resets"));
    play->carrier->reset(play, play->current);
}

static void run_stall(torcs_play *play, const torcs_step *step)
{
    (void)step;
    play_note(play, EVENT_DOES, play->current, TORC_SLICE("takes nothing more"));
    play->current->stalled = true;
    play->carrier->stall(play, play->current, true);
}

static void run_unstall(torcs_play *play, const torcs_step *step)
{
    (void)step;
    play_note(play, EVENT_DOES, play->current, TORC_SLICE("takes again"));
    play->current->stalled = false;
    play->carrier->stall(play, play->current, false);
}

static void run_advance(torcs_play *play, const torcs_step *step)
{
    play_note(play, EVENT_DOES, NULL, TORC_SLICE("time passes"));
    play->carrier->advance(play, step->arguments[0].time);
}

/* -- expecting ----------------------------------------------------------------------------- */

static size_t common_length(torc_slice one, torc_slice other)
{
    size_t length = 0;

    while (length < one.length && length < other.length && one.data[length] == other.data[length])
        length++;
    return length;
}

static void run_expect(torcs_play *play, const torcs_step *step)
{
    torcs_bytes wanted = { NULL, 0, 0 };
    torc_slice want;
    torc_slice got;
    size_t same;

    text_expand(play, step->arguments[0].text, &wanted);
    want = bytes_slice(&wanted);
    do {
        got = torc_slice_first(play_unread(play), want.length);
        same = common_length(want, got);
    } while (same == got.length && same < want.length && play_more(play));
    got = torc_slice_first(play_unread(play), want.length);
    if (torc_slice_equal(want, got))
        play_take(play, want.length);
    else
        play_fail_differing(play, want, play_unread(play));
    bytes_free(&wanted);
}

static void run_expect_line(torcs_play *play, const torcs_step *step)
{
    torcs_bytes wanted = { NULL, 0, 0 };
    torc_slice line;

    text_expand(play, step->arguments[0].text, &wanted);
    if (play_take_line(play, &line) && !torc_slice_equal(line, bytes_slice(&wanted)))
        play_fail_differing(play, bytes_slice(&wanted), line);
    bytes_free(&wanted);
}

static void run_expect_match(torcs_play *play, const torcs_step *step)
{
    const torcs_pattern *pattern = step->arguments[0].pattern;
    torcs_bytes got = { NULL, 0, 0 };
    torc_slice line;

    if (play_take_line(play, &line) && !pattern_fits(pattern, line)) {
        bytes_add_quoted(&got, line, 400);
        play_fail(play, "the line does not match\n    - /%s/\n    + %s", pattern->source, got.data);
    }
    bytes_free(&got);
}

static void run_skip_to(torcs_play *play, const torcs_step *step)
{
    const torcs_pattern *pattern = step->arguments[0].pattern;
    torc_slice line;

    while (play_take_line(play, &line))
        if (pattern_fits(pattern, line))
            return;
}

static void expect_end(torcs_play *play, torcs_client_end wanted)
{
    static const char *const names[] = { "an open connection", "the end", "a reset" };
    torcs_bytes got = { NULL, 0, 0 };

    while (play_unread(play).length == 0 && play_more(play))
        ;
    bytes_add_quoted(&got, play_unread(play), 400);
    if (play_unread(play).length > 0)
        play_fail(play, "expected %s, and there came %s", names[wanted], got.data);
    else if (play->current->end != wanted)
        play_fail(play, "expected %s, and there was %s", names[wanted], names[play->current->end]);
    bytes_free(&got);
}

static void run_expect_close(torcs_play *play, const torcs_step *step)
{
    (void)step;
    expect_end(play, CLIENT_ENDED);
}

static void run_expect_reset(torcs_play *play, const torcs_step *step)
{
    (void)step;
    expect_end(play, CLIENT_RESET);
}

static void run_expect_nothing(torcs_play *play, const torcs_step *step)
{
    torcs_bytes got = { NULL, 0, 0 };

    (void)step;
    if (play_unread(play).length == 0 && play->current->end == CLIENT_OPEN &&
        !play->current->stalled)
        play->carrier->wait(play, play->current, QUIET_TIME);
    bytes_add_quoted(&got, play_unread(play), 400);
    if (play_unread(play).length > 0)
        play_fail(play, "expected nothing, and there came %s", got.data);
    else if (play->current->end != CLIENT_OPEN)
        play_fail(play, "expected nothing, and there came %s",
            play->current->end == CLIENT_ENDED ? "the end" : "a reset");
    bytes_free(&got);
}

static void run_skip_rest(torcs_play *play, const torcs_step *step)
{
    (void)step;
    while (play_more(play))
        ;
    play_take(play, play_unread(play).length);
}

/* Whether a line that fits stands in the log behind those that were asked for before. */
static bool find_in_log(torcs_play *play, const torcs_pattern *pattern)
{
    torc_slice rest = torc_slice_skip(bytes_slice(&play->log), play->log_read);

    while (rest.length > 0) {
        size_t length = torc_slice_find_byte(rest, '\n');
        torc_slice line = torc_slice_first(rest, length);

        rest = torc_slice_skip(rest, length + 1);
        if (pattern_fits(pattern, line)) {
            play->log_read = play->log.length - rest.length;
            if (play->carrier->expected_log != NULL)
                play->carrier->expected_log(play, line);
            return true;
        }
    }
    return false;
}

static void run_expect_log(torcs_play *play, const torcs_step *step)
{
    const torcs_pattern *pattern = step->arguments[0].pattern;

    while (!find_in_log(play, pattern)) {
        if (play->carrier->wait(play, NULL, PLAY_PATIENCE))
            continue;
        play_fail(play, "no line of the log matches /%s/", pattern->source);
        return;
    }
}

/* -- files --------------------------------------------------------------------------------- */

/* A name within the server's directory; false, and the play has failed, for any other. */
static bool path_of(torcs_play *play, const char *name, char path[4096])
{
    if (name[0] == '/' || strstr(name, "..") != NULL) {
        play_fail(play, "'%s': a file's name is relative, and has no '..'", name);
        return false;
    }
    snprintf(path, 4096, "%s/%s", play->where.folder, name);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    return true;
}

/*
 * A file that is what it should be from the play before is left alone: thousands of plays would
 * otherwise wait for the disk. Where allocations fail it is new each time, because the server takes
 * more of them for a file that has just changed.
 */
static bool holds_already(const char *path, torc_slice wanted)
{
    FILE *file = fopen(path, "re");
    torcs_bytes content = { NULL, 0, 0 };
    char piece[4096];
    size_t length;
    bool same;

    if (file == NULL)
        return false;
    while (content.length <= wanted.length &&
        (length = fread(piece, 1, sizeof(piece), file)) > 0)
        bytes_add(&content, torc_slice_make(piece, length));
    fclose(file);
    same = torc_slice_equal(bytes_slice(&content), wanted);
    bytes_free(&content);
    return same;
}

static void run_file(torcs_play *play, const torcs_step *step)
{
    torcs_bytes text = { NULL, 0, 0 };
    char path[4096];
    FILE *file;

    if (!path_of(play, step->arguments[0].word, path))
        return;
    text_expand(play, step->arguments[1].text, &text);
    if (play->lenient || !holds_already(path, bytes_slice(&text))) {
        file = fopen(path, "we");
        if (file == NULL || fwrite(text.data, 1, text.length, file) != text.length)
            play_fail(play, "%s: %s", path, strerror(errno));
        if (file != NULL)
            fclose(file);
    }
    bytes_free(&text);
}

static void run_directory(torcs_play *play, const torcs_step *step)
{
    char path[4096];

    if (path_of(play, step->arguments[0].word, path) && mkdir(path, 0755) != 0 && errno != EEXIST)
        play_fail(play, "%s: %s", path, strerror(errno));
}

static void run_link(torcs_play *play, const torcs_step *step)
{
    char path[4096];

    if (!path_of(play, step->arguments[0].word, path))
        return;
    unlink(path);
    if (symlink(step->arguments[1].word, path) != 0)
        play_fail(play, "%s: %s", path, strerror(errno));
}

/* "2024-02-29T12:30:00Z" */
static void run_dated(torcs_play *play, const torcs_step *step)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = 0 } };
    struct tm date = { .tm_sec = 0 };
    char path[4096];
    const char *end = strptime(step->arguments[1].word, "%Y-%m-%dT%H:%M:%SZ", &date);

    if (end == NULL || *end != '\0') {
        play_fail(play, "'%s' is no date: write 2024-02-29T12:30:00Z", step->arguments[1].word);
        return;
    }
    times[1].tv_sec = timegm(&date);
    if (path_of(play, step->arguments[0].word, path) &&
        utimensat(AT_FDCWD, path, times, 0) != 0)
        play_fail(play, "%s: %s", path, strerror(errno));
}

const torcs_verb common_verbs[] = {
    { "client", "w", VERB_ACTS, false, run_client,
        "NAME connects, if it has not yet; what follows is done by NAME" },
    { "send", "t", VERB_ACTS, true, run_send, "sends the text" },
    { "send-hex", "x", VERB_ACTS, true, run_send, "sends the bytes" },
    { "close", "", VERB_ACTS, true, run_close, "closes the connection" },
    { "close-write", "", VERB_ACTS, true, run_close_write, "closes its half, and goes on reading" },
    { "reset", "", VERB_ACTS, true, run_reset, "resets the connection" },
    { "stall", "", VERB_ACTS, true, run_stall, "takes nothing of what the server sends" },
    { "unstall", "", VERB_ACTS, true, run_unstall, "takes it again" },
    { "advance", "d", VERB_ACTS, false, run_advance, "time passes ('only memory')" },
    { "expect", "t", VERB_EXPECTS, true, run_expect, "the next bytes are these" },
    { "expect-hex", "x", VERB_EXPECTS, true, run_expect, "the next bytes are these" },
    { "expect-line", "t", VERB_EXPECTS, true, run_expect_line,
        "the next line, without its end, is this" },
    { "expect-match", "p", VERB_EXPECTS, true, run_expect_match,
        "the next line matches the extended regular expression" },
    { "skip-to", "p", VERB_EXPECTS, true, run_skip_to, "takes lines up to one that matches" },
    { "skip-rest", "", VERB_EXPECTS, true, run_skip_rest, "takes all that comes until the end" },
    { "expect-close", "", VERB_EXPECTS, true, run_expect_close,
        "the server closes, at least its half, and sends nothing before" },
    { "expect-reset", "", VERB_EXPECTS, true, run_expect_reset, "the server resets" },
    { "expect-nothing", "", VERB_EXPECTS, true, run_expect_nothing,
        "nothing has come, and the connection is open" },
    { "expect-log", "p", VERB_EXPECTS, false, run_expect_log,
        "a line of the log, behind those expected before, matches" },
    { "file", "wt", VERB_ACTS, false, run_file, "makes the file, with this content" },
    { "directory", "w", VERB_ACTS, false, run_directory, "makes the directory" },
    { "link", "ww", VERB_ACTS, false, run_link, "makes the symbolic link NAME to TARGET" },
    { "dated", "ww", VERB_ACTS, false, run_dated,
        "the file was last changed then, as in 2024-02-29T12:30:00Z" },
    { NULL, NULL, VERB_ACTS, false, NULL, NULL },
};
