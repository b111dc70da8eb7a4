/*
 * Transports over descriptors that are no sockets: pipes, files, children as peers.
 */
#include "transport/attach_support.h"

#include <torc/line.h>

static void attach(int input, int output)
{
    torc_deferred *deferred = torc_attach(root, input, output, torc_factory_of(&talker_class));

    done = false;
    torc_add_errback(deferred, note_failure, NULL);
}

/* -- torc_attach --------------------------------------------------------------------------- */

static void talk_through_pipes(void)
{
    int in[2];
    int out[2];
    char bytes[32] = "";

    make_pipe(in);
    make_out(out);
    greeting = "hello";
    ends_at_end = false;
    attach(in[0], out[1]);
    assert_told("");
    assert_int_equal(write(in[1], "ho", 2), 2);
    RUN_UNTIL(strcmp(record, "made ho ") == 0);
    assert_int_equal(read(out[0], bytes, sizeof bytes), 5);
    torc_write(transport, TORC_SLICE("last"));
    torc_lose_write(transport);
    RUN_UNTIL(read(out[0], bytes, sizeof bytes) == 4);
    RUN_UNTIL(read(out[0], bytes, sizeof bytes) == 0);
    assert_false(done);
    assert_int_equal(write(in[1], "more", 4), 4);
    RUN_UNTIL(strstr(record, "more") != NULL);
    close(in[1]);
    RUN_UNTIL(done);
    assert_told("made ho more end lost:ConnectionDone ");
    close(out[0]);
}

static void a_pair_of_pipes_carries_a_protocol_and_half_closes(void **state)
{
    (void)state;
    on_each_driver(talk_through_pipes);
}

static void read_only(void)
{
    int in[2];

    make_pipe(in);
    greeting = NULL;
    ends_at_end = true;
    attach(in[0], -1);
    assert_int_equal(write(in[1], "x", 1), 1);
    close(in[1]);
    RUN_UNTIL(done);
    assert_told("made x end lost:ConnectionDone ");
}

static void one_end_may_be_enough(void **state)
{
    (void)state;
    on_each_driver(read_only);
}

/* Blocks of 64 KiB, so that the pipe is full; the reader reads in between. */
static void write_much(void)
{
    static char bytes[64 * 1024];
    size_t total = 0;
    int out[2];
    ssize_t got;

    make_out(out);
    greeting = NULL;
    attach(-1, out[1]);
    RUN_UNTIL(transport != NULL);
    for (int i = 0; i < 16; i++)
        torc_write(transport, torc_slice_make(bytes, sizeof bytes));
    torc_lose_connection(transport);
    do {
        (void)torc_iterate(reactor, TORC_MILLISECOND);
        got = read(out[0], bytes, sizeof bytes);
        total += got > 0 ? (size_t)got : 0;
    } while (got != 0);
    assert_int_equal(total, 16 * sizeof bytes);
    RUN_UNTIL(done);
    assert_told("made lost:ConnectionDone ");
    close(out[0]);
}

static void what_a_pipe_cannot_take_waits(void **state)
{
    (void)state;
    on_each_driver(write_much);
}

static void break_the_pipe(void)
{
    int out[2];

    make_out(out);
    greeting = NULL;
    attach(-1, out[1]);
    RUN_UNTIL(transport != NULL);
    close(out[0]);
    torc_write(transport, TORC_SLICE("nobody"));
    RUN_UNTIL(done);
    assert_told("made lost:ConnectionLost ");
}

static void a_broken_pipe_ends_the_connection_and_not_the_process(void **state)
{
    (void)state;
    on_each_driver(break_the_pipe);
}

static int file_with(const char *text)
{
    char path[] = "/tmp/torc-attach-XXXXXX";
    int file = mkstemp(path);

    assert_true(file >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    return file;
}

static void copy_files(void)
{
    int output = file_with("");
    int kept = dup(output);
    char bytes[16] = "";

    greeting = "out";
    ends_at_end = true;
    attach(file_with("in"), output);
    RUN_UNTIL(done);
    assert_told("made in end lost:ConnectionDone ");
    assert_int_equal(pread(kept, bytes, sizeof bytes, 0), 3);
    assert_string_equal(bytes, "out");
    close(kept);
}

static void regular_files_are_read_and_written(void **state)
{
    (void)state;
    on_each_driver(copy_files);
}

static void send_a_file(void)
{
    int out[2];
    char bytes[16] = "";

    make_out(out);
    greeting = NULL;
    attach(-1, out[1]);
    RUN_UNTIL(transport != NULL);
    torc_write_file(transport, file_with("contents"), 0, 8);
    torc_lose_connection(transport);
    RUN_UNTIL(done);
    assert_int_equal(read(out[0], bytes, sizeof bytes), 8);
    assert_string_equal(bytes, "contents");
    close(out[0]);
    record[0] = '\0';
}

static void a_file_is_sent_into_a_pipe(void **state)
{
    (void)state;
    on_each_driver(send_a_file);
}

static void refuse(void)
{
    attach(9999, -1);
    RUN_UNTIL(done);
    assert_told("descriptors 9999 and -1 cannot be attached: Bad file descriptor ");
}

static void what_is_not_open_is_refused(void **state)
{
    (void)state;
    on_each_driver(refuse);
}

static void cancel_before(void)
{
    int in[2];
    torc_deferred *deferred;

    make_pipe(in);
    deferred = torc_attach(root, in[0], -1, torc_factory_of(&talker_class));
    torc_add_errback(deferred, note_failure, NULL);
    torc_cancel(deferred);
    assert_true(torc_iterate(reactor, 0));
    assert_null(strstr(record, "made"));
    assert_int_equal(write(in[1], "x", 1), -1);
    close(in[1]);
    record[0] = '\0';
}

static void a_connection_that_is_cancelled_is_never_made(void **state)
{
    (void)state;
    on_each_driver(cancel_before);
}

/* -- children as peers --------------------------------------------------------------------- */

static void line_made(torc_protocol *protocol)
{
    torc_line_send(torc_of(protocol, torc_line_receiver), TORC_SLICE("6 7"));
}

static void line_received(torc_line_receiver *self, torc_slice line)
{
    note("%.*s ", TORC_FMT(line));
    torc_lose_connection(self->protocol.transport);
}

static const torc_line_class calculator_class = {
    .protocol = {
        .name = "Calculator",
        .size = sizeof(torc_line_receiver),
        .connection_made = line_made,
        .connection_lost = lost,
    },
    .delimiter = "\n",
    .line_received = line_received,
};

static void calculate(void)
{
    (void)torc_connect_process(
        root, SHELL("read a b; echo $((a * b))"), torc_line_factory(&calculator_class));
    done = false;
    RUN_UNTIL(done);
    RUN_UNTIL(!has_children());
    assert_told("42 lost:ConnectionDone ");
}

static void a_line_protocol_talks_to_a_child(void **state)
{
    (void)state;
    on_each_driver(calculate);
}

static torc_result note_made(void *self, torc_result result)
{
    (void)self;
    assert_ptr_equal(((torc_protocol *)torc_result_pointer(result))->transport, transport);
    note("connected ");
    return torc_nothing();
}

static void connect_cat(void)
{
    torc_deferred *deferred = torc_connect_process(
        root, (const char *const[]){ "cat", NULL }, torc_factory_of(&talker_class));

    greeting = "meow";
    ends_at_end = true;
    done = false;
    torc_add_callback(deferred, note_made, NULL);
    RUN_UNTIL(strstr(record, "meow") != NULL);
    torc_lose_write(transport);
    RUN_UNTIL(done);
    RUN_UNTIL(!has_children());
    assert_told("made connected meow end lost:ConnectionDone ");
}

static void half_closing_a_child_ends_its_input(void **state)
{
    (void)state;
    on_each_driver(connect_cat);
}

static void abort_a_child(void)
{
    (void)torc_connect_process(
        root, (const char *const[]){ "sleep", "1000", NULL }, torc_factory_of(&talker_class));
    greeting = NULL;
    done = false;
    RUN_UNTIL(transport != NULL);
    torc_abort_connection(transport);
    RUN_UNTIL(!has_children());
    assert_told("made lost:ConnectionAborted ");
}

static void a_child_exits_when_the_connection_is_aborted(void **state)
{
    (void)state;
    on_each_driver(abort_a_child);
}

static void cancel_a_child(void)
{
    torc_deferred *deferred = torc_connect_process(
        root, (const char *const[]){ "sleep", "1000", NULL }, torc_factory_of(&talker_class));

    torc_add_errback(deferred, note_failure, NULL);
    torc_cancel(deferred);
    RUN_UNTIL(!has_children());
    assert_null(strstr(record, "made"));
    record[0] = '\0';
}

static void a_child_exits_when_connecting_is_cancelled(void **state)
{
    (void)state;
    on_each_driver(cancel_a_child);
}

static void connect_to_nothing(void)
{
    torc_deferred *deferred = torc_connect_process(
        root, (const char *const[]){ "torc-no-such", NULL }, torc_factory_of(&talker_class));

    torc_add_errback(deferred, note_failure, NULL);
    assert_told("cannot run torc-no-such: No such file or directory ");
}

static void a_child_that_cannot_be_run_is_a_failure(void **state)
{
    (void)state;
    on_each_driver(connect_to_nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_of_pipes_carries_a_protocol_and_half_closes),
        cmocka_unit_test(one_end_may_be_enough),
        cmocka_unit_test(what_a_pipe_cannot_take_waits),
        cmocka_unit_test(a_broken_pipe_ends_the_connection_and_not_the_process),
        cmocka_unit_test(regular_files_are_read_and_written),
        cmocka_unit_test(a_file_is_sent_into_a_pipe),
        cmocka_unit_test(what_is_not_open_is_refused),
        cmocka_unit_test(a_connection_that_is_cancelled_is_never_made),
        cmocka_unit_test(a_line_protocol_talks_to_a_child),
        cmocka_unit_test(half_closing_a_child_ends_its_input),
        cmocka_unit_test(a_child_exits_when_the_connection_is_aborted),
        cmocka_unit_test(a_child_exits_when_connecting_is_cancelled),
        cmocka_unit_test(a_child_that_cannot_be_run_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
