/*
 * What torc_attach and its like take and put back, with everything failing in turn: pipes, standard
 * input and output, a serial line over a pseudo-terminal. Whatever fails, each connection that was
 * made is told that it was lost, the descriptors are closed and put back as they were, and another
 * goes well.
 */
#include "torture/torture.h"

#include <torc/process.h>
#include <torc/serial.h>

#include "support/driver_works.h"

#include <termios.h>
#include <unistd.h>

typedef struct talk {
    torc_reactor *reactor;
    torc_transport *transport; /* NULL: it is not made, or lost */
    int answered;
    int made;
    int lost;
    size_t heard;
} talk;

/* -- the protocol -------------------------------------------------------------------------- */

static void made(torc_protocol *self)
{
    talk *t = torc_context_of(self);

    t->made++;
    t->transport = self->transport;
    torc_write(self->transport, TORC_SLICE("hello"));
}

static void data(torc_protocol *self, torc_slice bytes)
{
    talk *t = torc_context_of(self);

    t->heard += bytes.length;
    if (t->heard == 2)
        torc_lose_connection(self->transport);
}

static void lost(torc_protocol *self, const torc_failure *reason)
{
    talk *t = torc_context_of(self);

    assert_non_null(reason);
    t->lost++;
    t->transport = NULL;
}

static const torc_protocol_class talker_class = {
    .name = "TortureTalker",
    .connection_made = made,
    .data_received = data,
    .connection_lost = lost,
};

static torc_factory *factory_of(talk *t)
{
    torc_factory_options options = { .kind = &talker_class, .context = t };
    torc_factory *factory;

    torture_pause(true);
    factory = torc_factory_new(&options);
    torture_pause(false);
    return factory;
}

static torc_result note_answer(void *self, torc_result result)
{
    ((talk *)self)->answered++;
    if (torc_is_failure(result))
        assert_true(torc_failure_text(torc_result_failure(result))[0] != '\0');
    return torc_nothing();
}

/* -- the conversations --------------------------------------------------------------------- */

/* Our ends of what is attached: to it goes what is written to `in`; `out` gets what it says. */
typedef struct other_side {
    int in;
    int out;
} other_side;

static void begin(talk *t)
{
    t->answered = t->made = t->lost = 0;
    t->heard = 0;
    t->transport = NULL;
}

/* Whether all went well; ours are closed at the end. */
static bool converse(talk *t, torc_deferred *attached, other_side ours)
{
    char bytes[16];
    ssize_t length;

    torc_add_both(attached, note_answer, t);
    torture_run_until(t->reactor, &t->answered, 1);
    assert_int_equal(write(ours.in, "ho", 2), 2);
    torture_run_until(t->reactor, &t->lost, t->made);
    assert_int_equal(t->lost, t->made);
    length = read(ours.out, bytes, sizeof bytes);
    close(ours.in);
    if (ours.out != ours.in)
        close(ours.out);
    return length == 5 && memcmp(bytes, "hello", 5) == 0 && t->heard == 2;
}

static bool over_pipes(talk *t)
{
    int in[2];
    int out[2];
    int kept; /* so that what is written without a reader fails in nothing of ours */
    bool well;

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    kept = dup(in[0]);
    well = converse(t, torc_attach(torc_root(t->reactor), in[0], out[1], factory_of(t)),
        (other_side){ .in = in[1], .out = out[0] });
    close(kept);
    return well;
}

static bool over_stdio(talk *t)
{
    int saved[2] = { dup(0), dup(1) };
    int in[2];
    int out[2];
    bool well;

    fflush(stdout);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(fcntl(out[0], F_SETFL, O_NONBLOCK), 0);
    dup2(in[0], 0);
    dup2(out[1], 1);
    close(in[0]);
    close(out[1]);
    well = converse(t, torc_attach_stdio(torc_root(t->reactor), factory_of(t)),
        (other_side){ .in = in[1], .out = out[0] });
    well = well && !(fcntl(0, F_GETFL) & O_NONBLOCK);
    assert_false(fcntl(1, F_GETFL) & O_NONBLOCK);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    return well;
}

static void assert_cooked(int device)
{
    struct termios line;

    assert_int_equal(tcgetattr(device, &line), 0);
    if (!(line.c_lflag & ICANON))
        fail_msg("%s: the line stays raw", torture_fault());
}

static bool over_a_line(talk *t)
{
    int device = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    int kept = dup(device);
    char path[64];
    bool well;

    assert_true(device >= 0);
    assert_int_equal(grantpt(device), 0);
    assert_int_equal(unlockpt(device), 0);
    assert_int_equal(ptsname_r(device, path, sizeof path), 0);
    well = converse(t, torc_open_serial(torc_root(t->reactor), path, NULL, factory_of(t)),
        (other_side){ .in = device, .out = device });
    assert_cooked(kept);
    close(kept);
    return well;
}

/* -- each with each fault ------------------------------------------------------------------ */

typedef struct way {
    const char *driver;
    bool (*converse)(talk *t);
} way;

static void once(talk *t, const way *over, bool must_be_well)
{
    begin(t);
    if (!over->converse(t) && must_be_well)
        fail_msg("%s: what was said did not come", torture_fault());
}

static void attach(void *argument)
{
    const way *over = argument;
    torc_failure *failure = NULL;
    talk t = { .reactor = torc_reactor_new_named(over->driver, &failure) };

    if (t.reactor == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return;
    }
    once(&t, over, torture_now == NO_FAULT);
    torture_over();
    once(&t, over, true);
    torc_reactor_free(t.reactor);
}

static void torture_on_each_driver(bool (*conversation)(talk *t))
{
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        way over = { .driver = torc_driver_name(i), .converse = conversation };

        if (driver_works(over.driver))
            torture(attach, &over);
    }
}

static void a_pair_of_pipes_survives_each_fault(void **state)
{
    (void)state;
    torture_on_each_driver(over_pipes);
}

static void standard_input_and_output_survive_each_fault(void **state)
{
    (void)state;
    torture_on_each_driver(over_stdio);
}

static void a_serial_line_survives_each_fault(void **state)
{
    (void)state;
    torture_on_each_driver(over_a_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_of_pipes_survives_each_fault),
        cmocka_unit_test(standard_input_and_output_survive_each_fault),
        cmocka_unit_test(a_serial_line_survives_each_fault),
    };

    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
