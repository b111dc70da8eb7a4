/*
 * Serial lines, over a pseudo-terminal.
 */
#include "transport/attach_support.h"

#include <torc/serial.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_serial_line_is_raw_and_ends_when_its_device_goes),
        cmocka_unit_test(a_serial_line_is_changed_and_put_back),
        cmocka_unit_test(what_is_no_serial_line_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
