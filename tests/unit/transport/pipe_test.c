/*
 * What is particular to a transport made of two descriptors: when it is over, what its broken
 * output does, and what happens to it before it is made.
 */
#include "transport/attach_support.h"

#include "reactor/driver/readiness.h"

/* -- a system whose closing takes its time ------------------------------------------------- */

/* Descriptors that are closed at once, but tell so only when the test says so. */
enum { SLOW_MAX = 2 };

static torc_io_class slow_class;
static const torc_io_class *real_class;
static torc_io *slow[SLOW_MAX];
static unsigned slow_count;

static bool close_slowly(torc_io *io, bool reset)
{
    assert_true(real_class->close(io, reset));
    assert_true(slow_count < SLOW_MAX);
    slow[slow_count++] = io;
    return false;
}

static int adopt_slow_stream(
    torc_driver *driver, torc_io *io, int descriptor, bool receives, bool sends)
{
    int error = torc__readiness_adopt_stream(driver, io, descriptor, receives, sends);

    if (error != 0)
        return error;
    real_class = io->kind;
    slow_class = *real_class;
    slow_class.close = close_slowly;
    io->kind = &slow_class;
    return 0;
}

static void attach(int input, int output)
{
    done = false;
    torc_add_errback(torc_attach(root, input, output, torc_factory_of(&talker_class)),
        note_failure, NULL);
}

/* A reactor whose driver is as the usual one, but for how it takes streams. */
static void open_reactor(torc_driver_class *kind,
    int (*adopt_stream)(torc_driver *, torc_io *, int, bool, bool))
{
    int error = 0;

    reactor = torc_reactor_new_named("poll", NULL);
    *kind = *reactor->driver->kind;
    torc_reactor_free(reactor);
    kind->adopt_stream = adopt_stream;
    reactor = torc__reactor_new_on(kind, &error);
    assert_non_null(reactor);
    root = torc_root(reactor);
    record[0] = '\0';
}

static void a_connection_is_over_when_both_its_descriptors_have_closed(void **state)
{
    unsigned descriptors = open_descriptors();
    torc_driver_class kind;
    int in[2];
    int out[2];

    (void)state;
    open_reactor(&kind, adopt_slow_stream);
    make_pipe(in);
    make_out(out);
    greeting = NULL;
    slow_count = 0;
    attach(in[0], out[1]);
    RUN_UNTIL(transport != NULL);
    torc_lose_connection(transport);
    RUN_UNTIL(done);
    assert_told("made lost:ConnectionDone ");
    assert_int_equal(slow_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        slow[i]->events->closed(slow[i]);
        assert_true(torc_iterate(reactor, 0));
    }
    assert_told("");
    torc_reactor_free(reactor);
    close(in[1]);
    close(out[0]);
    assert_int_equal(open_descriptors(), descriptors);
}

static void where_the_driver_carries_no_streams_nothing_is_attached(void **state)
{
    unsigned descriptors = open_descriptors();
    torc_driver_class kind;
    char expected[96];
    int in[2];
    int out[2];

    (void)state;
    open_reactor(&kind, NULL);
    make_pipe(in);
    make_pipe(out);
    attach(in[0], out[1]);
    snprintf(expected, sizeof expected,
        "descriptors %d and %d cannot be attached: Operation not supported ", in[0], out[1]);
    assert_told(expected);
    close(in[1]);
    close(out[0]);
    torc_reactor_free(reactor);
    assert_int_equal(open_descriptors(), descriptors);
}

/* -- what is sent -------------------------------------------------------------------------- */

static int file_with(const char *text)
{
    char path[] = "/tmp/torc-pipe-XXXXXX";
    int file = mkstemp(path);

    assert_true(file >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    return file;
}

static void send_a_file_from_a_pair(void)
{
    int in[2];
    int out[2];
    char bytes[16] = "";

    make_pipe(in);
    make_out(out);
    greeting = NULL;
    ends_at_end = true;
    attach(in[0], out[1]);
    RUN_UNTIL(transport != NULL);
    assert_int_equal(torc_local_address(transport).kind, TORC_ADDRESS_NONE);
    assert_int_equal(torc_peer_address(transport).kind, TORC_ADDRESS_NONE);
    torc_write_file(transport, file_with("contents"), 0, 8);
    RUN_UNTIL(read(out[0], bytes, sizeof bytes) == 8);
    assert_string_equal(bytes, "contents");
    close(in[1]);
    RUN_UNTIL(done);
    close(out[0]);
    assert_told("made end lost:ConnectionDone ");
}

static void a_file_leaves_by_the_output(void **state)
{
    (void)state;
    on_each_driver(send_a_file_from_a_pair);
}

static void send_a_file_to_nobody(void)
{
    int in[2];
    int out[2];

    make_pipe(in);
    make_out(out);
    greeting = NULL;
    ends_at_end = true;
    attach(in[0], out[1]);
    RUN_UNTIL(transport != NULL);
    close(out[0]);
    torc_write_file(transport, file_with("contents"), 0, 8);
    assert_true(torc_iterate(reactor, 0));
    assert_int_equal(write(in[1], "more", 4), 4);
    RUN_UNTIL(strstr(record, "more") != NULL);
    close(in[1]);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "made more end lost:"));
    record[0] = '\0';
}

static void a_file_that_nobody_reads_does_not_end_what_is_read(void **state)
{
    (void)state;
    on_each_driver(send_a_file_to_nobody);
}

/* -- before it is made --------------------------------------------------------------------- */

static void attach_nothing(void)
{
    attach(-1, -1);
    assert_told("descriptors -1 and -1 cannot be attached: Bad file descriptor ");
}

static void at_least_one_descriptor_is_needed(void **state)
{
    (void)state;
    on_each_driver(attach_nothing);
}

static torc_scope *inner;

static void end_before(void)
{
    int in[2];

    make_pipe(in);
    inner = torc_scope_new(root);
    (void)torc_attach(inner, in[0], -1, torc_factory_of(&talker_class));
    torc_scope_end(inner);
    assert_true(torc_iterate(reactor, 0));
    assert_told("");
    assert_int_equal(write(in[1], "x", 1), -1);
    close(in[1]);
}

static void a_connection_whose_scope_ends_first_is_never_made(void **state)
{
    (void)state;
    on_each_driver(end_before);
}

static torc_deferred *attaching;

static void made_and_cancelled(torc_protocol *protocol)
{
    transport = protocol->transport;
    note("made ");
    torc_cancel(attaching);
    torc_cancel(attaching);
}

static const torc_protocol_class cancelled_class = {
    .name = "Cancelled",
    .connection_made = made_and_cancelled,
    .connection_lost = lost,
};

static void cancel_inside(void)
{
    int in[2];

    make_pipe(in);
    done = false;
    attaching = torc_attach(root, in[0], -1, torc_factory_of(&cancelled_class));
    torc_add_errback(attaching, note_failure, NULL);
    RUN_UNTIL(strstr(record, "lost") != NULL);
    assert_non_null(strstr(record, "made "));
    assert_non_null(strstr(record, "lost:ConnectionAborted "));
    assert_int_equal(write(in[1], "x", 1), -1);
    close(in[1]);
    record[0] = '\0';
}

static void one_that_is_cancelled_as_it_is_made_is_aborted(void **state)
{
    (void)state;
    on_each_driver(cancel_inside);
}

static void made_and_ended(torc_protocol *protocol)
{
    (void)protocol;
    note("made ");
    torc_scope_end(inner);
}

static const torc_protocol_class ended_class = {
    .name = "Ended",
    .connection_made = made_and_ended,
    .connection_lost = lost,
};

static void end_inside(void)
{
    int in[2];

    make_pipe(in);
    done = false;
    inner = torc_scope_new(root);
    (void)torc_attach(inner, in[0], -1, torc_factory_of(&ended_class));
    RUN_UNTIL(strstr(record, "made") != NULL);
    assert_true(torc_iterate(reactor, 0));
    assert_int_equal(write(in[1], "x", 1), -1);
    close(in[1]);
    record[0] = '\0';
}

static void one_whose_scope_ends_as_it_is_made_is_closed(void **state)
{
    (void)state;
    on_each_driver(end_inside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_over_when_both_its_descriptors_have_closed),
        cmocka_unit_test(where_the_driver_carries_no_streams_nothing_is_attached),
        cmocka_unit_test(a_file_leaves_by_the_output),
        cmocka_unit_test(a_file_that_nobody_reads_does_not_end_what_is_read),
        cmocka_unit_test(at_least_one_descriptor_is_needed),
        cmocka_unit_test(a_connection_whose_scope_ends_first_is_never_made),
        cmocka_unit_test(one_that_is_cancelled_as_it_is_made_is_aborted),
        cmocka_unit_test(one_whose_scope_ends_as_it_is_made_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
