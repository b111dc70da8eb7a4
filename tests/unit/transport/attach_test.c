/*
 * Transports over descriptors that are no sockets: pipes, files, standard input and output,
 * children as peers, serial lines (over a pseudo-terminal).
 */
#include "transport/process_support.h"

#include <torc/line.h>
#include <torc/serial.h>

#include "transport/process_setup.h"

#include <sys/ioctl.h>
#include <termios.h>

typedef struct talker {
    torc_protocol protocol; /* first */
} talker;

static torc_transport *transport; /* of the last that was made; NULL once it is lost */
static const char *greeting;      /* written in connection_made */
static bool ends_at_end;          /* of the input */

static void made(torc_protocol *protocol)
{
    transport = protocol->transport;
    note("made ");
    if (greeting != NULL)
        torc_write(transport, torc_slice_of(greeting));
}

static void data(torc_protocol *protocol, torc_slice bytes)
{
    (void)protocol;
    note("%.*s ", TORC_FMT(bytes));
}

static void read_lost(torc_protocol *protocol)
{
    note("end ");
    if (ends_at_end)
        torc_lose_connection(protocol->transport);
}

static void lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    note("lost:%s ", torc_failure_type_of(reason)->name);
    transport = NULL;
    done = true;
}

static const torc_protocol_class talker_class = {
    .name = "Talker",
    .size = sizeof(talker),
    .connection_made = made,
    .data_received = data,
    .read_lost = read_lost,
    .connection_lost = lost,
};

static torc_result note_failure(void *self, torc_result failed)
{
    (void)self;
    note("%s ", torc_failure_text(torc_result_failure(failed)));
    done = true;
    return torc_nothing();
}

static void attach(int input, int output)
{
    torc_deferred *deferred = torc_attach(root, input, output, torc_factory_of(&talker_class));

    done = false;
    torc_add_errback(deferred, note_failure, NULL);
}

static void make_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

/* What the test reads from does not block it. */
static void make_out(int ends[2])
{
    make_pipe(ends);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
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

/* -- standard input and output ------------------------------------------------------------- */

/* Puts `input` and `output` in the place of 0 and 1, and back. */
static void swap_stdio(int input, int output, int saved[2])
{
    fflush(stdout);
    saved[0] = dup(0);
    saved[1] = dup(1);
    dup2(input, 0);
    dup2(output, 1);
}

static void restore_stdio(const int saved[2])
{
    dup2(saved[0], 0);
    dup2(saved[1], 1);
    close(saved[0]);
    close(saved[1]);
}

static void use_stdio(void)
{
    int saved[2];
    int in[2];
    int out[2];
    char bytes[16] = "";
    int flags[2];

    make_pipe(in);
    make_out(out);
    swap_stdio(in[0], out[1], saved);
    close(in[0]);
    close(out[1]);
    greeting = "hello";
    ends_at_end = true;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    done = false;
    assert_int_equal(write(in[1], "typed", 5), 5);
    close(in[1]);
    RUN_UNTIL(done);
    flags[0] = fcntl(0, F_GETFL);
    flags[1] = fcntl(1, F_GETFL);
    assert_int_equal(write(1, "after", 5), 5);
    restore_stdio(saved);
    assert_int_equal(read(out[0], bytes, sizeof bytes), 10);
    assert_string_equal(bytes, "helloafter");
    assert_told("made typed end lost:ConnectionDone ");
    assert_false(flags[0] & O_NONBLOCK);
    assert_false(flags[1] & O_NONBLOCK);
    close(out[0]);
}

static void standard_input_and_output_are_put_back_and_stay_open(void **state)
{
    (void)state;
    on_each_driver(use_stdio);
}

static void half_close_stdio(void)
{
    int saved[2];
    int in[2];
    int out[2];
    char bytes[16] = "";

    make_pipe(in);
    make_out(out);
    swap_stdio(in[0], out[1], saved);
    close(in[0]);
    close(out[1]);
    greeting = "all";
    ends_at_end = true;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    done = false;
    RUN_UNTIL(transport != NULL);
    torc_lose_write(transport);
    assert_true(torc_iterate(reactor, 0));
    assert_int_equal(read(out[0], bytes, sizeof bytes), 3);
    assert_int_equal(read(out[0], bytes, sizeof bytes), 0);
    assert_int_equal(write(1, "nowhere", 7), 7);
    close(in[1]);
    RUN_UNTIL(done);
    restore_stdio(saved);
    close(out[0]);
    record[0] = '\0';
}

static void the_reader_of_standard_output_sees_our_half_close(void **state)
{
    (void)state;
    on_each_driver(half_close_stdio);
}

/* As in `program | head -1` on a terminal: the input would never end. */
static void lose_the_reader(void)
{
    int saved[2];
    int in[2];
    int out[2];

    make_pipe(in);
    make_out(out);
    swap_stdio(in[0], out[1], saved);
    close(in[0]);
    close(out[1]);
    greeting = NULL;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    done = false;
    RUN_UNTIL(transport != NULL);
    close(out[0]);
    torc_write(transport, TORC_SLICE("line\n"));
    RUN_UNTIL(done);
    restore_stdio(saved);
    assert_told("made lost:ConnectionLost ");
    close(in[1]);
}

static void an_output_that_nobody_reads_ends_stdio(void **state)
{
    (void)state;
    on_each_driver(lose_the_reader);
}

static void use_the_null_device(void)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    int saved[2];

    swap_stdio(nowhere, nowhere, saved);
    close(nowhere);
    greeting = "gone";
    ends_at_end = true;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    done = false;
    RUN_UNTIL(done);
    restore_stdio(saved);
    assert_told("made end lost:ConnectionDone ");
}

static void standard_input_may_be_the_null_device(void **state)
{
    (void)state;
    on_each_driver(use_the_null_device);
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

/* -- serial lines -------------------------------------------------------------------------- */

/* Our end of a pseudo-terminal, and the path of the line. */
static int open_line(char path[64])
{
    torc_terminal_size size = { 0, 0 };
    int ours;
    int theirs;

    assert_int_equal(torc__pty_open(size, &ours, &theirs), 0);
    assert_int_equal(ptsname_r(ours, path, 64), 0);
    close(theirs);
    return ours;
}

static void use_a_line(void)
{
    torc_serial_options options = {
        .speed = 250000, .data_bits = 7, .parity = TORC_PARITY_EVEN, .stop_bits = 2,
    };
    struct termios line;
    char path[64];
    char bytes[16] = "";
    int device = open_line(path);

    assert_int_equal(fcntl(device, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    greeting = "AT\r\n";
    ends_at_end = true;
    done = false;
    (void)torc_open_serial(root, path, &options, torc_factory_of(&talker_class));
    RUN_UNTIL(transport != NULL);
    assert_true(torc_iterate(reactor, 0));
    RUN_UNTIL(read(device, bytes, sizeof bytes) == 4);
    assert_string_equal(bytes, "AT\r\n");
    assert_int_equal(write(device, "O\003K\n", 4), 4);
    RUN_UNTIL(strstr(record, "O\003K\n ") != NULL);
    assert_int_equal(tcgetattr(device, &line), 0);
    assert_int_equal(line.c_lflag & (tcflag_t)(ICANON | ECHO | ISIG), 0);
    assert_true(line.c_cflag & CSTOPB);
    close(device);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "end lost:ConnectionDone "));
    record[0] = '\0';
}

static void a_serial_line_is_raw_and_ends_when_its_device_goes(void **state)
{
    (void)state;
    on_each_driver(use_a_line);
}

static void change_a_line(void)
{
    torc_serial_options options = { .flow = TORC_FLOW_SOFTWARE };
    struct termios line;
    torc_failure *failure;
    unsigned lines;
    char path[64];
    int device = open_line(path);

    greeting = NULL;
    (void)torc_open_serial(root, path, NULL, torc_factory_of(&talker_class));
    RUN_UNTIL(transport != NULL);
    assert_null(torc_serial_configure(transport, &options));
    assert_int_equal(tcgetattr(device, &line), 0);
    assert_true(line.c_iflag & IXOFF);
    options.data_bits = 9;
    failure = torc_serial_configure(transport, &options);
    assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
    torc_failure_release(failure);
    /* A pseudo-terminal has no modem: it is the refusal that is shown here. */
    failure = torc_serial_lines(transport, &lines);
    assert_int_equal(torc_failure_code(failure), ENOTTY);
    torc_failure_release(failure);
    failure = torc_serial_set_lines(transport, TORC_SERIAL_DTR, false);
    assert_int_equal(torc_failure_code(failure), ENOTTY);
    torc_failure_release(failure);
    assert_null(torc_serial_flush(transport));
    torc_lose_connection(transport);
    RUN_UNTIL(done);
    assert_int_equal(tcgetattr(device, &line), 0);
    assert_true(line.c_lflag & ICANON);
    close(device);
    record[0] = '\0';
}

static void a_serial_line_is_changed_and_put_back(void **state)
{
    (void)state;
    on_each_driver(change_a_line);
}

static void refuse_lines(void)
{
    torc_serial_options options = { .stop_bits = 3 };
    torc_deferred *deferred;

    deferred = torc_open_serial(root, "/dev/ttyS0", &options, torc_factory_of(&talker_class));
    torc_add_errback(deferred, note_failure, NULL);
    assert_told("cannot open the serial line /dev/ttyS0: there is no such setting ");
    deferred = torc_open_serial(root, "/no/such", NULL, torc_factory_of(&talker_class));
    torc_add_errback(deferred, note_failure, NULL);
    assert_told("cannot open the serial line /no/such: No such file or directory ");
    deferred = torc_open_serial(root, "/dev/null", NULL, torc_factory_of(&talker_class));
    torc_add_errback(deferred, note_failure, NULL);
    assert_told("cannot open the serial line /dev/null: Inappropriate ioctl for device ");
}

static void what_is_no_serial_line_is_refused(void **state)
{
    (void)state;
    on_each_driver(refuse_lines);
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
        cmocka_unit_test(standard_input_and_output_are_put_back_and_stay_open),
        cmocka_unit_test(the_reader_of_standard_output_sees_our_half_close),
        cmocka_unit_test(an_output_that_nobody_reads_ends_stdio),
        cmocka_unit_test(standard_input_may_be_the_null_device),
        cmocka_unit_test(a_line_protocol_talks_to_a_child),
        cmocka_unit_test(half_closing_a_child_ends_its_input),
        cmocka_unit_test(a_child_exits_when_the_connection_is_aborted),
        cmocka_unit_test(a_child_exits_when_connecting_is_cancelled),
        cmocka_unit_test(a_child_that_cannot_be_run_is_a_failure),
        cmocka_unit_test(a_serial_line_is_raw_and_ends_when_its_device_goes),
        cmocka_unit_test(a_serial_line_is_changed_and_put_back),
        cmocka_unit_test(what_is_no_serial_line_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
