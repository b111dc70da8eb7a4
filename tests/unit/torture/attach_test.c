/*
 * An echo over descriptors that are no sockets, on each driver, with everything failing in turn: a
 * pair of pipes, and a serial line, for which a pseudo-terminal stands. The other ends are plain
 * descriptors of the test's own.
 */
#include "torture/torture.h"

#include "support/driver_works.h"

#include <torc/process.h>
#include <torc/serial.h>

#include <unistd.h>

typedef struct talk {
    torc_reactor *reactor;
    int answered;
    int made;
    int lost;
} talk;

static void echo_made(torc_protocol *self)
{
    ((talk *)torc_context_of(self))->made++;
}

static void echo_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
    if (memchr(data.data, '.', data.length) != NULL)
        torc_lose_connection(self->transport);
}

static void echo_lost(torc_protocol *self, const torc_failure *reason)
{
    assert_non_null(reason);
    ((talk *)torc_context_of(self))->lost++;
}

static const torc_protocol_class echo_class = {
    .name = "TortureEcho",
    .connection_made = echo_made,
    .data_received = echo_data,
    .connection_lost = echo_lost,
};

static torc_factory *factory_of(talk *t)
{
    torc_factory_options options = { .kind = &echo_class, .context = t };
    torc_factory *factory;

    torture_pause(true);
    factory = torc_factory_new(&options);
    torture_pause(false);
    return factory;
}

static torc_result note_answer(void *self, torc_result result)
{
    (void)result;
    ((talk *)self)->answered++;
    return torc_nothing();
}

/* What is said comes back whole, or the connection is lost before. */
static bool is_echoed(talk *t, int to, int from)
{
    static const char said[] = "hello.";
    torc_time until = torc_time_add(torc_monotonic_now(), TORTURE_PATIENCE);
    size_t got = 0;

    torture_run_until(t->reactor, &t->answered, 1);
    if (t->made == 0)
        return false;
    assert_int_equal(write(to, said, strlen(said)), strlen(said));
    for (int turns = 0; t->lost == 0; turns++) {
        if (turns > TURNS_MAX || torc_monotonic_now() > until)
            fail_msg("%s: the echo neither comes nor ends", torture_fault());
        torc_iterate(t->reactor, 2 * TORC_MILLISECOND);
    }
    while (got < strlen(said)) {
        char bytes[16];
        ssize_t piece = read(from, bytes, sizeof bytes);

        if (piece <= 0)
            return false;
        assert_memory_equal(bytes, said + got, (size_t)piece);
        got += (size_t)piece;
    }
    return true;
}

static bool talk_over_pipes(torc_reactor *reactor)
{
    talk t = { .reactor = reactor };
    torc_factory *factory = factory_of(&t);
    bool echoed;
    int in[2];
    int out[2];

    assert_int_equal(pipe2(in, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    torc_add_both(torc_attach(torc_root(reactor), in[0], out[1], factory), note_answer, &t);
    echoed = is_echoed(&t, in[1], out[0]);
    torture_run_until(reactor, &t.lost, t.made);
    torc_iterate(reactor, 0);
    close(in[1]);
    close(out[0]);
    return echoed;
}

/* It is looked at from the side of the line's other end, so that nothing is echoed by the kernel. */
static bool talk_over_a_line(torc_reactor *reactor)
{
    torc_serial_options options = { .flow = TORC_FLOW_SOFTWARE };
    talk t = { .reactor = reactor };
    torc_factory *factory = factory_of(&t);
    int device = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    bool echoed;

    assert_true(device >= 0 && grantpt(device) == 0 && unlockpt(device) == 0);
    torc_add_both(torc_open_serial(torc_root(reactor), ptsname(device), &options, factory),
        note_answer, &t);
    echoed = is_echoed(&t, device, device);
    torture_run_until(reactor, &t.lost, t.made);
    torc_iterate(reactor, 0);
    close(device);
    return echoed;
}

typedef struct way {
    const char *driver;
    bool (*once)(torc_reactor *reactor);
} way;

static void attach(void *argument)
{
    const way *over = argument;
    torc_failure *failure = NULL;
    torc_reactor *reactor = torc_reactor_new_named(over->driver, &failure);

    if (reactor == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return;
    }
    (void)over->once(reactor);
    torture_over();
    if (!over->once(reactor))
        fail_msg("%s: no echo once it was over", torture_fault());
    torc_reactor_free(reactor);
}

static void on_each_driver(bool (*once)(torc_reactor *reactor))
{
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        way over = { .driver = torc_driver_name(i), .once = once };

        if (driver_works(over.driver))
            torture(attach, &over);
    }
}

static void pipes_survive_each_fault_on_every_driver(void **state)
{
    (void)state;
    on_each_driver(talk_over_pipes);
}

static void a_serial_line_survives_each_fault_on_every_driver(void **state)
{
    (void)state;
    on_each_driver(talk_over_a_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipes_survive_each_fault_on_every_driver),
        cmocka_unit_test(a_serial_line_survives_each_fault_on_every_driver),
    };

    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
