/*
 * Serial lines, over a pseudo-terminal.
 */
#include "transport/attach_support.h"

#include <torc/serial.h>

#include "support/failing_system_call.h"
#include "transport/process_setup.h"

#include <sys/ioctl.h>
#include <termios.h>

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

/* As a shell would want it. */
static void assert_cooked(int device)
{
    struct termios line;

    assert_int_equal(tcgetattr(device, &line), 0);
    assert_true(line.c_lflag & ICANON);
}

static void open_in_an_ended_scope(void)
{
    torc_scope *gone = torc_scope_new(root);
    char path[64];
    int device = open_line(path);

    torc_scope_end(gone);
    (void)torc_open_serial(gone, path, NULL, torc_factory_of(&talker_class));
    assert_cooked(device);
    assert_told("");
    close(device);
}

static void a_line_that_is_never_attached_is_put_back(void **state)
{
    (void)state;
    on_each_driver(open_in_an_ended_scope);
}

static void open_while_failing(const char *call, int error)
{
    char path[64];
    char expected[128];
    int device = open_line(path);

    fail_system_calls_named(call, error);
    torc_add_errback(torc_open_serial(root, path, NULL, torc_factory_of(&talker_class)),
        note_failure, NULL);
    allow_system_calls();
    snprintf(expected, sizeof expected, "cannot open the serial line %s: %s ", path,
        strerror(error));
    assert_told(expected);
    assert_cooked(device);
    close(device);
}

static void fail_to_open(void)
{
    open_while_failing("open", EMFILE);
    open_while_failing("tcgetattr", EIO);
    open_while_failing("tcsetattr", EIO);
    open_while_failing("ioctl", EIO);
}

static void a_line_that_cannot_be_set_up_is_named_and_put_back(void **state)
{
    (void)state;
    on_each_driver(fail_to_open);
}

/* The device takes its other settings, and then not the speed. */
static int calls_of_ioctl;

static int refuse_the_speed(const char *name)
{
    return strcmp(name, "ioctl") == 0 && ++calls_of_ioctl == 3 ? EIO : 0;
}

static void refuse_a_speed(void)
{
    char path[64];
    int device = open_line(path);

    calls_of_ioctl = 0;
    torc__set_system_call_hook(refuse_the_speed);
    torc_add_errback(torc_open_serial(root, path, NULL, torc_factory_of(&talker_class)),
        note_failure, NULL);
    allow_system_calls();
    assert_int_equal(calls_of_ioctl, 3);
    assert_non_null(strstr(record, "Input/output error"));
    assert_cooked(device);
    close(device);
    record[0] = '\0';
}

static void a_line_that_does_not_take_the_speed_is_put_back(void **state)
{
    (void)state;
    on_each_driver(refuse_a_speed);
}

static torc_serial_options shared = { .shared = true };

static bool is_exclusive(const char *path)
{
    int other = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    int exclusive = 0;

    assert_true(other >= 0); /* the superuser may; else it is EBUSY */
    assert_int_equal(ioctl(other, TIOCGEXCL, &exclusive), 0);
    close(other);
    return exclusive != 0;
}

static void share_a_line(void)
{
    char path[64];
    int device = open_line(path);

    greeting = NULL;
    done = false;
    (void)torc_open_serial(root, path, &shared, torc_factory_of(&talker_class));
    RUN_UNTIL(transport != NULL);
    assert_false(is_exclusive(path));
    torc_lose_connection(transport);
    RUN_UNTIL(done);
    assert_told("made lost:ConnectionDone ");
    assert_cooked(device);
    close(device);
}

static void a_line_may_be_shared(void **state)
{
    (void)state;
    on_each_driver(share_a_line);
}

static void assert_fails(torc_failure *failure, int code)
{
    assert_non_null(failure);
    assert_int_equal(torc_failure_code(failure), code);
    torc_failure_release(failure);
}

static void lose_at_once(torc_protocol *protocol)
{
    torc_lose_connection(protocol->transport);
}

static void ask_a_lost_line(torc_protocol *protocol, const torc_failure *reason)
{
    static const torc_serial_options options = { .data_bits = 5 };
    torc_transport *line = protocol->transport;
    unsigned lines = TORC_SERIAL_DTR;

    (void)reason;
    assert_fails(torc_serial_configure(line, &options), EBADF);
    assert_fails(torc_serial_lines(line, &lines), EBADF);
    assert_int_equal(lines, 0);
    assert_fails(torc_serial_set_lines(line, TORC_SERIAL_RTS, true), EBADF);
    assert_fails(torc_serial_set_break(line, true), EBADF);
    assert_fails(torc_serial_flush(line), EBADF);
    done = true;
}

static const torc_protocol_class asker_class = {
    .name = "Asker",
    .connection_made = lose_at_once,
    .connection_lost = ask_a_lost_line,
};

static void lose_a_line(void)
{
    char path[64];
    int device = open_line(path);

    done = false;
    (void)torc_open_serial(root, path, NULL, torc_factory_of(&asker_class));
    RUN_UNTIL(done);
    close(device);
}

static void what_is_asked_of_a_line_that_is_lost_fails(void **state)
{
    (void)state;
    on_each_driver(lose_a_line);
}

static void break_a_line(void)
{
    char path[64];
    int device = open_line(path);
    torc_failure *failure;

    greeting = NULL;
    done = false;
    (void)torc_open_serial(root, path, &shared, torc_factory_of(&talker_class));
    RUN_UNTIL(transport != NULL);
    assert_null(torc_serial_set_break(transport, true));
    assert_null(torc_serial_set_break(transport, false));
    fail_system_calls_named("ioctl", EIO);
    failure = torc_serial_set_break(transport, true);
    allow_system_calls();
    assert_string_equal(torc_failure_text(failure),
        "cannot set the break of a serial line: Input/output error");
    torc_failure_release(failure);
    fail_system_calls_named("tcsetattr", EIO);
    failure = torc_serial_configure(transport, &shared);
    allow_system_calls();
    assert_string_equal(torc_failure_text(failure),
        "cannot change the settings of a serial line: Input/output error");
    torc_failure_release(failure);
    torc_lose_connection(transport);
    RUN_UNTIL(done);
    assert_told("made lost:ConnectionDone ");
    close(device);
}

static void a_break_is_held_and_ended_and_a_refusal_says_what_it_was(void **state)
{
    (void)state;
    on_each_driver(break_a_line);
}

/* Each setting as the terminal has it. */
static tcflag_t flags_with(torc_serial_options options, bool input)
{
    struct termios line;
    char path[64];
    int device = open_line(path);

    done = false;
    (void)torc_open_serial(root, path, &options, torc_factory_of(&talker_class));
    RUN_UNTIL(transport != NULL);
    assert_int_equal(tcgetattr(device, &line), 0);
    torc_lose_connection(transport);
    RUN_UNTIL(done);
    close(device);
    record[0] = '\0';
    return input ? line.c_iflag : line.c_cflag;
}

static void choose_settings(void)
{
    greeting = NULL;
    assert_true(flags_with((torc_serial_options){ .flow = TORC_FLOW_HARDWARE }, false) & CRTSCTS);
    assert_false(flags_with((torc_serial_options){ .flow = TORC_FLOW_NONE }, false) & CRTSCTS);
    assert_true(flags_with((torc_serial_options){ .parity = TORC_PARITY_ODD }, true) & INPCK);
    assert_false(flags_with((torc_serial_options){ .stop_bits = 1 }, false) & CSTOPB);
}

static void settings_reach_the_terminal(void **state)
{
    (void)state;
    on_each_driver(choose_settings);
}

static void refuse_settings(void)
{
    const torc_serial_options unfit[] = {
        { .data_bits = 4 }, { .data_bits = 9 }, { .stop_bits = 3 },
        { .parity = (torc_parity)3 }, { .flow = (torc_flow_control)3 },
    };

    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
        torc_add_errback(
            torc_open_serial(root, "/dev/null", &unfit[i], torc_factory_of(&talker_class)),
            note_failure, NULL);
        assert_told("cannot open the serial line /dev/null: there is no such setting ");
    }
}

static void settings_that_no_line_has_are_refused(void **state)
{
    (void)state;
    on_each_driver(refuse_settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_serial_line_is_raw_and_ends_when_its_device_goes),
        cmocka_unit_test(a_serial_line_is_changed_and_put_back),
        cmocka_unit_test(what_is_no_serial_line_is_refused),
        cmocka_unit_test(a_line_that_is_never_attached_is_put_back),
        cmocka_unit_test(a_line_that_cannot_be_set_up_is_named_and_put_back),
        cmocka_unit_test(a_line_that_does_not_take_the_speed_is_put_back),
        cmocka_unit_test(a_line_may_be_shared),
        cmocka_unit_test(what_is_asked_of_a_line_that_is_lost_fails),
        cmocka_unit_test(a_break_is_held_and_ended_and_a_refusal_says_what_it_was),
        cmocka_unit_test(settings_reach_the_terminal),
        cmocka_unit_test(settings_that_no_line_has_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
