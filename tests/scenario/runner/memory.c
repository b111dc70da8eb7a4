/*
 * The carrier of plays in memory: a torc_test for each client, all on one reactor with a virtual
 * clock. Whatever the server does, it has done when a call here returns, so nothing is waited for.
 *
 * The end of each play is a check of its own: the testing kit fails it for what is pending or
 * leaked.
 */
#include "scenario/runner/modes.h"
#include "scenario/runner/play.h"

#include "base/memory.h"

#include <torc/log.h>
#include <torc/testing.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct memory_server {
    torc_reactor *reactor;
    torc_scope *scope;      /* of what the server has beside its factory */
    torc_factory *factory;
    void *settings;
    size_t access_taken;    /* of the access log's file */
} memory_server;

/* Whom the testing kit and the log speak to. There is one play at a time. */
static torcs_play *current;

static memory_server *memory_of(const torcs_play *play)
{
    return play->carried;
}

static torc_test *test_of(const torcs_client *client)
{
    return client->carried;
}

/* -- failing allocations ------------------------------------------------------------------- */

static unsigned allocations_left;
static bool allocations_armed; /* a play is to have one fail */
static bool allocation_failed;

static bool allow(size_t size)
{
    (void)size;
    if (allocation_failed || allocations_left-- > 0)
        return true;
    allocation_failed = true;
    return false;
}

void memory_fail_allocation(unsigned number)
{
    allocations_left = number;
    allocations_armed = true;
    allocation_failed = false;
}

bool memory_has_failed_allocation(void)
{
    return allocation_failed;
}

void memory_allow_allocations(void)
{
    allocations_armed = false;
    torc__set_allocation_hook(NULL);
}

/* The library is under test in what it does for a client, not in how a test is set up. */
static void enter_library(void)
{
    if (allocations_armed)
        torc__set_allocation_hook(allow);
}

static void leave_library(void)
{
    torc__set_allocation_hook(NULL);
}

/* -- what is told -------------------------------------------------------------------------- */

static void kit_failed(const char *message)
{
    play_fail(current, "%s", message);
}

static void log_line(void *argument, const torc_log_event *event)
{
    char text[TORC_LOG_MESSAGE_MAX + 256];
    size_t length = torc_log_format(event, text, sizeof(text));

    (void)argument;
    if (length >= sizeof(text))
        length = sizeof(text) - 1;
    while (length > 0 && text[length - 1] == '\n')
        length--;
    play_logged(current, torc_slice_make(text, length));
}

/* Takes what has come for anybody. */
static void collect(torcs_play *play)
{
    for (torcs_client *client = play->clients; client != NULL; client = client->next) {
        torc_test *test = test_of(client);

        if (test == NULL)
            continue;
        play_received(play, client, torc_test_take(test));
        switch (torc_test_state(test)) {
        case TORC_TEST_OPEN:
            break;
        case TORC_TEST_HALF_CLOSED:
        case TORC_TEST_CLOSED:
            play_ended(play, client, CLIENT_ENDED);
            break;
        case TORC_TEST_RESET:
            play_ended(play, client, CLIENT_RESET);
            break;
        }
    }
}

/* Lets everybody fall silent: a client may have made the server speak to another. */
static void settle(torcs_play *play)
{
    torc_testing_run_idle(memory_of(play)->reactor);
    leave_library();
    collect(play);
}

/* -- the server ---------------------------------------------------------------------------- */

/* What plays before have written there is no line of this one. */
static size_t size_of(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (size_t)status.st_size : 0;
}

static bool memory_start(torcs_play *play)
{
    const torcs_story *story = play->story;
    const torcs_family *family = story->family;
    memory_server *self = claim(sizeof(*self));
    torcs_bytes error = { NULL, 0, 0 };

    current = play;
    play->carried = self;
    self->access_taken = size_of(play->where.access_log);
    torc_testing_set_fail(kit_failed);
    torc_log_add_observer(TORC_LOG_INFO, log_line, NULL);
    self->settings = claim(family->settings_size);
    self->reactor = torc_testing_reactor();
    self->scope = torc_scope_new(torc_root(self->reactor));
    if (family_configure(
            family, story->server_words, story->server_word_count, self->settings, &error))
        self->factory = family->make(self->settings, &play->where, self->scope, &error);
    if (self->factory == NULL)
        play_fail(play, "the server cannot be made: %s", bytes_text(&error));
    bytes_free(&error);
    return self->factory != NULL;
}

static void memory_stop(torcs_play *play)
{
    memory_server *self = memory_of(play);

    leave_library();
    if (play->lenient)
        torc_testing_flush_failures(NULL);
    for (torcs_client *client = play->clients; client != NULL; client = client->next) {
        torc_test *test = test_of(client);

        client->carried = NULL;
        if (test != NULL)
            torc_test_free(test);
    }
    torc_factory_release(self->factory);
    torc_scope_end(self->scope);
    torc_testing_free(self->reactor);
    torc_log_remove_observer(log_line, NULL);
    free(self->settings);
    free(self);
    play->carried = NULL;
}

/* -- clients ------------------------------------------------------------------------------- */

static bool memory_connect(torcs_play *play, torcs_client *client)
{
    memory_server *self = memory_of(play);
    torc_test_options options = {
        .send_buffer = play->cutting.narrow,
        .reactor = self->reactor,
    };

    torc_address_parse(TORC_SLICE("192.0.2.1"), 40000, &options.peer);
    torc_address_parse(TORC_SLICE("192.0.2.2"), 80, &options.local);
    enter_library();
    client->carried = torc_test_new_with(torc_factory_hold(self->factory), &options);
    settle(play);
    return client->carried != NULL;
}

static void memory_send(torcs_play *play, torcs_client *client, torc_slice piece)
{
    enter_library();
    torc_test_send_bytes(test_of(client), piece);
    settle(play);
}

static void memory_close(torcs_play *play, torcs_client *client)
{
    enter_library();
    torc_test_close(test_of(client));
    settle(play);
}

static void memory_close_write(torcs_play *play, torcs_client *client)
{
    enter_library();
    torc_test_close_write(test_of(client));
    settle(play);
}

static void memory_reset(torcs_play *play, torcs_client *client)
{
    enter_library();
    torc_test_reset(test_of(client));
    settle(play);
}

static void memory_stall(torcs_play *play, torcs_client *client, bool on)
{
    enter_library();
    if (on)
        torc_test_stall(test_of(client));
    else
        torc_test_unstall(test_of(client));
    settle(play);
}

static void memory_advance(torcs_play *play, torc_time time)
{
    enter_library();
    torc_testing_advance(memory_of(play)->reactor, time);
    settle(play);
}

/* Bytes are all there; a log may lie in a file that the server has not written yet. */
static bool memory_wait(torcs_play *play, torcs_client *client, torc_time patience)
{
    memory_server *self = memory_of(play);
    size_t before = play->log.length;
    char line[4096];
    FILE *file;

    (void)patience;
    if (client != NULL || play->story->family->flush_logs == NULL)
        return false;
    play->story->family->flush_logs();
    file = fopen(play->where.access_log, "re");
    if (file == NULL)
        return false;
    fseek(file, (long)self->access_taken, SEEK_SET);
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t length = strlen(line);

        self->access_taken += length;
        play_logged(play, torc_slice_make(line, length - 1));
    }
    fclose(file);
    return play->log.length != before;
}

/* An error in the log fails a test that has not expected it. The kit knows it by its message. */
static void memory_expected_log(torcs_play *play, torc_slice line)
{
    size_t context = torc_slice_find(line, TORC_SLICE("] "));
    torcs_bytes message = { NULL, 0, 0 };

    (void)play;
    bytes_add(&message, torc_slice_skip(line, context < line.length ? context + 2 : 0));
    if (message.length > 0)
        torc_testing_flush_failures(message.data);
    bytes_free(&message);
}

static torc_time memory_now(const torcs_play *play)
{
    return play->carried != NULL && memory_of(play)->reactor != NULL
        ? torc_now(memory_of(play)->reactor) : 0;
}

const torcs_carrier memory_carrier = {
    .name = "memory",
    .start = memory_start,
    .connect = memory_connect,
    .send = memory_send,
    .close = memory_close,
    .close_write = memory_close_write,
    .reset = memory_reset,
    .stall = memory_stall,
    .advance = memory_advance,
    .wait = memory_wait,
    .expected_log = memory_expected_log,
    .now = memory_now,
    .stop = memory_stop,
};
