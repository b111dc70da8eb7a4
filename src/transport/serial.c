/*
 * Serial lines: a terminal device, made raw, as a transport.
 *
 * What the line was like before is kept beside the transport, and put back when it closes: whoever
 * uses it next (a shell on it, perhaps) should not find it raw.
 */
#include <torc/serial.h>

#include "base/memory.h"
#include "base/system_call.h"
#include "transport/pipe.h"
#include "transport/serial_speed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

typedef struct serial_line {
    int descriptor; /* the transport's */
    struct termios before;
    bool exclusive;
} serial_line;

/* -- options ------------------------------------------------------------------------------- */

static bool are_fit(const torc_serial_options *options)
{
    return (options->data_bits == 0 || (options->data_bits >= 5 && options->data_bits <= 8))
        && options->stop_bits <= 2 && (unsigned)options->parity <= TORC_PARITY_ODD
        && (unsigned)options->flow <= TORC_FLOW_SOFTWARE;
}

static tcflag_t size_flag(unsigned bits)
{
    static const tcflag_t flags[] = { CS5, CS6, CS7, CS8 };

    return flags[(bits == 0 ? 8 : bits) - 5];
}

static void put_flag(tcflag_t *flags, tcflag_t flag, bool on)
{
    *flags = on ? *flags | flag : *flags & ~flag;
}

static void make_raw(struct termios *line, const torc_serial_options *options)
{
    cfmakeraw(line);
    line->c_cflag &= ~(tcflag_t)CSIZE;
    line->c_cflag |= size_flag(options->data_bits) | CREAD | CLOCAL;
    put_flag(&line->c_cflag, CSTOPB, options->stop_bits == 2);
    put_flag(&line->c_cflag, PARENB, options->parity != TORC_PARITY_NONE);
    put_flag(&line->c_cflag, PARODD, options->parity == TORC_PARITY_ODD);
    put_flag(&line->c_iflag, INPCK, options->parity != TORC_PARITY_NONE);
    put_flag(&line->c_cflag, CRTSCTS, options->flow == TORC_FLOW_HARDWARE);
    put_flag(&line->c_iflag, IXON | IXOFF, options->flow == TORC_FLOW_SOFTWARE);
    line->c_cc[VMIN] = 1;
    line->c_cc[VTIME] = 0;
}

/* 0 or -errno. */
static int configure(int descriptor, const torc_serial_options *options, int when)
{
    struct termios line;

    if (TORC__CALL(tcgetattr, descriptor, &line) < 0)
        return -errno;
    make_raw(&line, options);
    if (TORC__CALL(tcsetattr, descriptor, when, &line) < 0)
        return -errno;
    return torc__serial_set_speed(descriptor, options->speed != 0 ? options->speed : 9600);
}

/* -- opening ------------------------------------------------------------------------------- */

static void put_back(const serial_line *line)
{
    (void)tcsetattr(line->descriptor, TCSANOW, &line->before);
    if (line->exclusive)
        (void)ioctl(line->descriptor, TIOCNXCL);
}

static void closing(void *argument)
{
    put_back(argument);
    torc__free(argument);
}

static const torc__pipe_watcher watcher = { .closing = closing };

/* 0 or -errno. */
static int set_up(serial_line *line, const torc_serial_options *options)
{
    int error;

    if (TORC__CALL(tcgetattr, line->descriptor, &line->before) < 0)
        return -errno;
    line->exclusive = !options->shared;
    if (line->exclusive && TORC__CALL(ioctl, line->descriptor, TIOCEXCL) < 0)
        return -errno;
    error = configure(line->descriptor, options, TCSANOW);
    if (error != 0)
        put_back(line);
    return error;
}

/* The open line, or NULL with an errno: not to block, since a modem's carrier is waited for. */
static serial_line *open_line(const char *path, const torc_serial_options *options, int *ret_error)
{
    serial_line *line = torc__allocate_zeroed(sizeof *line);

    *ret_error = ENOMEM;
    if (line == NULL)
        return NULL;
    line->descriptor = TORC__CALL(open, path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (line->descriptor < 0) {
        *ret_error = errno;
        torc__free(line);
        return NULL;
    }
    *ret_error = -set_up(line, options);
    if (*ret_error == 0)
        return line;
    close(line->descriptor);
    torc__free(line);
    return NULL;
}

torc_deferred *torc_open_serial(torc_scope *scope, const char *path,
    const torc_serial_options *options, torc_factory *factory)
{
    static const torc_serial_options defaults;
    torc_failure *failure;
    serial_line *line = NULL;
    int error = 0;

    torc__check_thread(scope->reactor, "torc_open_serial");
    if (options == NULL)
        options = &defaults;
    if (are_fit(options))
        line = open_line(path, options, &error);
    if (line != NULL)
        return torc__attach_prepared(
            scope, line->descriptor, line->descriptor, factory, &watcher, line);
    torc_factory_release(factory);
    failure = error != 0
        ? torc_failure_from_errno(error, "cannot open the serial line %s", path)
        : torc_failure_new(&torc_error_invalid_argument,
              "cannot open the serial line %s: there is no such setting", path);
    return torc_deferred_fired(scope, torc_fail(failure));
}

/* -- on an open line ----------------------------------------------------------------------- */

static torc_failure *outcome(int got, const char *what)
{
    return got >= 0 ? NULL : torc_failure_from_errno(errno, "cannot %s of a serial line", what);
}

/* After the connection is lost this is -1, which each call refuses. */
static int descriptor_of(const torc_transport *transport, const char *call)
{
    torc__check_thread(transport->scope.reactor, call);
    return torc__pipe_input(transport);
}

torc_failure *torc_serial_configure(torc_transport *transport, const torc_serial_options *options)
{
    int descriptor = descriptor_of(transport, "torc_serial_configure");
    int error;

    if (!are_fit(options))
        return torc_failure_new(
            &torc_error_invalid_argument, "a serial line has no such setting");
    error = configure(descriptor, options, TCSADRAIN);
    if (error == 0)
        return NULL;
    return torc_failure_from_errno(-error, "cannot change the settings of a serial line");
}

static const struct {
    unsigned ours;
    int theirs;
} lines_of_modem[] = {
    { TORC_SERIAL_DTR, TIOCM_DTR }, { TORC_SERIAL_RTS, TIOCM_RTS }, { TORC_SERIAL_CTS, TIOCM_CTS },
    { TORC_SERIAL_DSR, TIOCM_DSR }, { TORC_SERIAL_DCD, TIOCM_CD },  { TORC_SERIAL_RI, TIOCM_RI },
};

torc_failure *torc_serial_lines(torc_transport *transport, unsigned *ret_lines)
{
    int descriptor = descriptor_of(transport, "torc_serial_lines");
    int modem = 0;
    int got = TORC__CALL(ioctl, descriptor, TIOCMGET, &modem);

    *ret_lines = 0;
    for (size_t i = 0; i < sizeof lines_of_modem / sizeof lines_of_modem[0]; i++)
        if (modem & lines_of_modem[i].theirs)
            *ret_lines |= lines_of_modem[i].ours;
    return outcome(got, "read the modem's lines");
}

torc_failure *torc_serial_set_lines(torc_transport *transport, unsigned lines, bool on)
{
    int descriptor = descriptor_of(transport, "torc_serial_set_lines");
    int modem = ((lines & TORC_SERIAL_DTR) ? TIOCM_DTR : 0)
        | ((lines & TORC_SERIAL_RTS) ? TIOCM_RTS : 0);

    return outcome(TORC__CALL(ioctl, descriptor, on ? TIOCMBIS : TIOCMBIC, &modem),
        "set the modem's lines");
}

torc_failure *torc_serial_set_break(torc_transport *transport, bool on)
{
    int descriptor = descriptor_of(transport, "torc_serial_set_break");

    return outcome(TORC__CALL(ioctl, descriptor, on ? TIOCSBRK : TIOCCBRK), "set the break");
}

torc_failure *torc_serial_flush(torc_transport *transport)
{
    int descriptor = descriptor_of(transport, "torc_serial_flush");

    return outcome(TORC__CALL(tcflush, descriptor, TCIOFLUSH), "drop what waits");
}
