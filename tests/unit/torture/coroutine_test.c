/*
 * Two coroutines that talk, with everything failing in turn: memory for stacks, their guards,
 * listening, connecting, reading and writing, a generator on the way.
 */
#include "torture/torture.h"

#include <torc/stream.h>

enum { WORDS = 3, MUCH = 300 << 10 };

typedef struct talk {
    torc_scope *scope;
    uint16_t port;   /* 0: not known yet */
    int listened;    /* the server knows whether it listens */
    int server_done;
    int client_done;
    int words;       /* that the client has heard again */
    size_t much;     /* bytes that came in the end */
} talk;

static char much[MUCH];

static torc_result count_words(torc_scope *scope, torc_generator *self, void *unused)
{
    (void)scope;
    (void)unused;
    for (int64_t i = 0; i < WORDS; i++) {
        torc_result given = torc_give(self, torc_integer(i));

        if (torc_is_failure(given))
            return given;
    }
    return torc_nothing();
}

static torc_result echo_words(torc_stream *stream)
{
    for (int i = 0; i < WORDS; i++) {
        torc_result line = torc_read_line(stream);

        if (torc_is_failure(line))
            return line;
        torc_result_hold(line);
        torc_stream_printf(stream, "%.*s\n", TORC_FMT(torc_result_slice(line)));
        torc_result_release(line);
    }
    return torc_write_all(stream, torc_slice_make(much, sizeof much));
}

static torc_result serve(torc_scope *scope, void *argument)
{
    talk *t = argument;
    torc_stream_listener *listener;
    torc_stream *stream;
    torc_result result =
        torc_stream_listen(scope, "tcp:0:interface=127.0.0.1", 1, &listener);

    t->listened = 1;
    if (torc_is_failure(result))
        return result;
    t->port = torc_stream_listener_address(listener).port;
    if (t->port == 0) /* where the address could not be asked for, nobody can connect */
        return torc_nothing();
    result = torc_accept(listener, &stream);
    if (torc_is_failure(result))
        return result;
    result = torc_result_hold(echo_words(stream));
    torc_close_stream(stream);
    /* What was written leaves before the scope, and the connection with it, ends. */
    torc_sleep(scope, 20 * TORC_MILLISECOND);
    return result;
}

static torc_result ask_words(torc_scope *scope, talk *t, torc_stream *stream)
{
    torc_generator *words = torc_generate(scope, count_words, NULL);
    torc_result word = torc_nothing();

    while (words != NULL && torc_next(words, &word)) {
        torc_result line;

        if (torc_is_failure(word))
            return word;
        torc_stream_printf(stream, "word %d\n", (int)torc_result_integer(word));
        line = torc_read_line(stream);
        if (torc_is_failure(line))
            return line;
        t->words++;
    }
    return torc_nothing();
}

static torc_result ask(torc_scope *scope, void *argument)
{
    talk *t = argument;
    torc_stream *stream;
    char where[64];
    torc_result result;

    snprintf(where, sizeof where, "tcp:127.0.0.1:%u", t->port);
    result = torc_open_stream(scope, where, &stream);
    if (torc_is_failure(result))
        return result;
    torc_stream_set_timeout(stream, TORC_SECOND);
    result = ask_words(scope, t, stream);
    if (torc_is_failure(result))
        return result;
    while (!torc_is_failure(result = torc_read_some(stream, 4096)))
        t->much += torc_result_slice(result).length;
    return torc_nothing();
}

static torc_result note_done(void *done, torc_result result)
{
    *(int *)done = 1;
    (void)result;
    return torc_nothing();
}

/* Whether the server listens: else there is nobody to talk to. */
static bool begin(talk *t, torc_reactor *reactor)
{
    torc_deferred *server;

    memset(t, 0, sizeof *t);
    server = torc_spawn(torc_root(reactor), serve, t);
    torc_add_both(server, note_done, &t->server_done);
    for (int i = 0; t->listened == 0 && t->server_done == 0 && i < TURNS_MAX; i++)
        torc_iterate(reactor, TORC_MILLISECOND);
    if (t->port != 0)
        return true;
    torture_run_until(reactor, &t->server_done, 1);
    return false;
}

static bool talk_once(talk *t, torc_reactor *reactor)
{
    torc_scope *scope;

    torture_pause(true);
    scope = torc_scope_new(torc_root(reactor));
    torture_pause(false);
    if (!begin(t, reactor)) {
        torc_scope_end(scope);
        return false;
    }
    torc_add_both(torc_spawn(scope, ask, t), note_done, &t->client_done);
    torture_run_until(reactor, &t->client_done, 1);
    torc_scope_end(scope);
    return t->words == WORDS && t->much == sizeof much;
}

static void converse(void *unused)
{
    torc_failure *failure = NULL;
    torc_reactor *reactor;
    talk first;
    talk second;
    bool whole;

    (void)unused;
    torture_pause(true); /* a factory without memory ends the process */
    reactor = torc_reactor_new_named("epoll", &failure);
    torture_pause(false);
    assert_non_null(reactor);
    whole = talk_once(&first, reactor);
    if (torture_is_passing() && !whole)
        fail_msg("%s: %d words, %zu bytes", torture_fault(), first.words, first.much);
    torture_over();
    if (!talk_once(&second, reactor))
        fail_msg("%s, and it does not work after that: %d words, %zu bytes", torture_fault(),
            second.words, second.much);
    torc_reactor_free(reactor);
}

static void a_talk_of_coroutines_survives_each_fault(void **state)
{
    (void)state;
    spare_vital_allocations();
    torture(converse, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_talk_of_coroutines_survives_each_fault),
    };

    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
