/*
 * From "may try" to "is done", for every io of a readiness driver. The sockets' own calls are here;
 * other kinds of io have files of their own, see readiness_io.h.
 */
#include "reactor/driver/readiness_io.h"

#include "base/memory.h"
#include "base/system_call.h"
#include "reactor/driver/datagram.h"
#include "reactor/driver/datagram_batch.h"
#include "reactor/driver/linger.h"
#include "reactor/driver/socket.h"
#include "reactor/driver/socket_passing.h"

#include <torc/log.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* So much of a file is sent in one system call, so that one connection does not hold up others. */
#define FILE_SIZE_MAX ((size_t)512 * 1024)

/* -- interest ------------------------------------------------------------------------------ */

static unsigned wanted_of(const torc_io *io)
{
    unsigned wanted = 0;

    if ((io->state & (RECEIVES | SENDS_ONLY)) == RECEIVES)
        wanted |= TORC__READABLE;
    if (io->state & (BLOCKED | CONNECTS))
        wanted |= TORC__WRITABLE;
    return wanted;
}

static unsigned watched_of(const torc_io *io)
{
    return ((io->state & WATCHES_IN) ? TORC__READABLE : 0u)
        | ((io->state & WATCHES_OUT) ? TORC__WRITABLE : 0u);
}

/* What the poller refuses because it never has to be waited for: a regular file, /dev/null. */
int torc__readiness_list_as_always_ready(torc_io *io)
{
    torc__readiness *readiness = torc__readiness_of(io);
    size_t capacity = readiness->always_ready_capacity;

    if (readiness->always_ready_count == capacity) {
        torc_io **grown;

        capacity = capacity > 0 ? 2 * capacity : 8;
        grown = torc__reallocate(readiness->always_ready, capacity * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        readiness->always_ready = grown;
        readiness->always_ready_capacity = capacity;
    }
    readiness->always_ready[readiness->always_ready_count++] = io;
    io->state |= ALWAYS_READY;
    return 0;
}

static void forget_always_ready(torc_io *io)
{
    torc__readiness *readiness = torc__readiness_of(io);
    size_t index = 0;

    while (readiness->always_ready[index] != io)
        index++;
    readiness->always_ready[index] = readiness->always_ready[--readiness->always_ready_count];
    io->state &= ~(uint32_t)ALWAYS_READY;
}

/* 0 or -errno. */
static int watch(torc_io *io, unsigned wanted)
{
    torc__readiness *readiness = torc__readiness_of(io);
    int error = 0;

    if (!(io->state & ALWAYS_READY))
        error = readiness->poller->watch(readiness, io, wanted, (io->state & LISTED) != 0);
    if (error == -EPERM && (io->state & (STREAM | WATCHED)))
        error = torc__readiness_list_as_always_ready(io);
    if (error != 0)
        return error;
    io->state &= ~(uint32_t)(WATCHES_IN | WATCHES_OUT);
    io->state |= LISTED;
    if (wanted & TORC__READABLE)
        io->state |= WATCHES_IN;
    if (wanted & TORC__WRITABLE)
        io->state |= WATCHES_OUT;
    return 0;
}

void torc__readiness_strand(torc_io *io, int error)
{
    torc__readiness *readiness = torc__readiness_of(io);

    readiness->stranding_error = error;
    if (io->state & STRANDED)
        return;
    if (readiness->stranded_count == TORC__STRANDED_MAX) {
        torc_log_critical("a connection hangs, since nothing can be watched: %s", strerror(error));
        return;
    }
    io->state |= STRANDED;
    readiness->stranded[readiness->stranded_count++] = io;
}

static void unstrand(torc_io *io)
{
    torc__readiness *readiness = torc__readiness_of(io);
    size_t index = 0;

    if (!(io->state & STRANDED))
        return;
    io->state &= ~(uint32_t)STRANDED;
    while (readiness->stranded[index] != io)
        index++;
    readiness->stranded[index] = readiness->stranded[--readiness->stranded_count];
}

void torc__readiness_watch_as_wanted(torc_io *io)
{
    unsigned wanted = wanted_of(io);
    int error;

    if (wanted == watched_of(io) && ((io->state & LISTED) || wanted == 0))
        return;
    error = watch(io, wanted);
    if (error != 0)
        torc__readiness_strand(io, -error);
}

void torc__readiness_forget(torc_io *io)
{
    torc__readiness *readiness = torc__readiness_of(io);

    unstrand(io);
    if (!(io->state & LISTED))
        return;
    if (io->state & ALWAYS_READY)
        forget_always_ready(io);
    else
        readiness->poller->forget(readiness, io);
    io->state &= ~(uint32_t)(LISTED | WATCHES_IN | WATCHES_OUT);
}

/* -- what can be asked of an io ------------------------------------------------------------ */

static void note_blocked(torc_io *io)
{
    io->state |= BLOCKED;
    torc__readiness_watch_as_wanted(io);
}

ssize_t torc__readiness_sent_or_blocked(torc_io *io, ssize_t sent, size_t asked)
{
    if (sent == -EAGAIN || sent == -EWOULDBLOCK) {
        note_blocked(io);
        return 0;
    }
    if (sent >= 0 && (size_t)sent < asked)
        note_blocked(io);
    return sent;
}

static ssize_t io_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    size_t asked = 0;
    ssize_t sent;

    if (io->state & BLOCKED)
        return 0;
    for (int i = 0; i < count; i++)
        asked += pieces[i].iov_len;
    do
        sent = torc__socket_send(io->descriptor, pieces, count, more);
    while (sent == -EINTR);
    return torc__readiness_sent_or_blocked(io, sent, asked);
}

static ssize_t io_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    size_t asked = length < FILE_SIZE_MAX ? length : FILE_SIZE_MAX;
    ssize_t sent;

    if (io->state & BLOCKED)
        return 0;
    do
        sent = torc__socket_send_file(io->descriptor, file, offset, asked);
    while (sent == -EINTR);
    return torc__readiness_sent_or_blocked(io, sent, asked);
}

void torc__readiness_receive(torc_io *io, bool on)
{
    if (!on) {
        io->state &= ~(uint32_t)RECEIVES;
        return;
    }
    if (io->state & (ENDED | CLOSED))
        return;
    io->state |= RECEIVES;
    if (!(io->state & WATCHES_IN))
        torc__readiness_watch_as_wanted(io);
}

static int io_finish(torc_io *io)
{
    return TORC__CALL(shutdown, io->descriptor, SHUT_WR) == 0 ? 0 : -errno;
}

/* A stream that the peer has not ended may have to linger; see linger.h. */
static bool may_linger(const torc_io *io)
{
    return !(io->state & (LISTENS | CONNECTS | ENDED)) && !torc__linger_is(io);
}

static bool io_close(torc_io *io, bool reset)
{
    if (io->state & CLOSED)
        return true;
    torc__readiness_forget(io);
    if (reset || !may_linger(io) || !torc__linger(io->carrier, io->descriptor))
        torc__socket_close(io->descriptor, reset);
    io->descriptor = -1;
    io->state = CLOSED;
    return true;
}

static void io_local_address(torc_io *io, torc_address *ret_address)
{
    torc__socket_local_address(io->descriptor, ret_address);
}

static void io_peer_address(torc_io *io, torc_address *ret_address)
{
    torc__socket_peer_address(io->descriptor, ret_address);
}

static int io_set_option(torc_io *io, torc_io_option option, int value)
{
    int error;

    if (option == TORC_IO_SPLICE)
        return torc__readiness_set_splicing(io, value != 0);
    error = torc__socket_set_option(io->descriptor, option, value);
    if (option != TORC_IO_TAKE_DESCRIPTORS || error != 0)
        return error;
    io->state &= ~(uint32_t)TAKES_DESCRIPTORS;
    if (value != 0)
        io->state |= TAKES_DESCRIPTORS;
    return 0;
}

static int io_credentials(torc_io *io, torc_io_credentials *ret_credentials)
{
    return torc__socket_credentials(io->descriptor, ret_credentials);
}

static const torc_io_class socket_class = {
    .name = "socket",
    .send = io_send,
    .send_file = io_send_file,
    .receive = torc__readiness_receive,
    .finish = io_finish,
    .close = io_close,
    .local_address = io_local_address,
    .peer_address = io_peer_address,
    .send_descriptors = torc__readiness_send_descriptors,
    .send_pipe = torc__readiness_send_pipe,
    .credentials = io_credentials,
    .set_option = io_set_option,
};

void torc__readiness_set_up(torc_driver *driver, torc_io *io, const torc_io_class *kind,
    int descriptor, uint32_t state)
{
    io->kind = kind;
    io->carrier = driver;
    io->descriptor = descriptor;
    io->state = state;
}

void torc__readiness_set_up_socket(
    torc_driver *driver, torc_io *io, int descriptor, uint32_t state)
{
    torc__readiness_set_up(driver, io, &socket_class, descriptor, state);
}

/* -- what is told -------------------------------------------------------------------------- */

void torc__readiness_tell_end(torc_io *io, int error)
{
    io->state |= ENDED;
    io->state &= ~(uint32_t)RECEIVES;
    torc__readiness_watch_as_wanted(io);
    io->events->received(io, torc_slice_make(NULL, 0), error);
}

static void receive_ready(torc__readiness *readiness, torc_io *io)
{
    ssize_t got;

    if (!(io->state & RECEIVES)) {
        torc__readiness_watch_as_wanted(io);
        return;
    }
    if (io->state & DATAGRAMS) {
        torc__datagrams_receive(io);
        return;
    }
    if ((io->state & SPLICES) && torc__readiness_splice(io))
        return;
    if (io->state & TAKES_DESCRIPTORS)
        got = torc__readiness_receive_descriptors(io, readiness->buffer, TORC__READ_SIZE);
    else if (io->state & STREAM)
        got = torc__stream_receive(io, readiness->buffer, TORC__READ_SIZE);
    else
        got = TORC__CALL(recv, io->descriptor, readiness->buffer, TORC__READ_SIZE, 0);
    if (got > 0)
        io->events->received(io, torc_slice_make(readiness->buffer, (size_t)got), 0);
    else if (got == 0)
        torc__readiness_tell_end(io, 0);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        torc__readiness_tell_end(io, errno);
}

static void send_ready(torc_io *io)
{
    io->state &= ~(uint32_t)BLOCKED;
    io->events->sent(io, 0, 0);
    if (!(io->state & CLOSED))
        torc__readiness_watch_as_wanted(io);
}

static void connect_ready(torc_io *io)
{
    int error = torc__socket_error(io->descriptor);

    io->state &= ~(uint32_t)CONNECTS;
    io->events->connected(io, error);
    if (!(io->state & CLOSED))
        torc__readiness_watch_as_wanted(io);
}

/* Gone, and nobody wants to hear: an event that cannot be switched off must not come for ever. */
static bool is_unwanted(const torc_io *io, unsigned ready)
{
    return (ready & TORC__HUNG_UP) && wanted_of(io) == 0 && !(io->state & RECEIVES);
}

void torc__readiness_tell(torc__readiness *readiness, torc_io *io, unsigned ready)
{
    if (io->state & CLOSED)
        return;
    if (io->state & WAKES) {
        torc__readiness_drain_waker(io);
        return;
    }
    if (is_unwanted(io, ready)) {
        torc__readiness_forget(io);
        return;
    }
    if (io->state & LISTENS) {
        torc__readiness_accept(io);
        return;
    }
    if (io->state & WATCHED) {
        torc__watched_tell(io, ready);
        return;
    }
    if (io->state & CONNECTS) {
        connect_ready(io);
        return;
    }
    if (io->state & SENDS_ONLY)
        ready &= ~(unsigned)TORC__READABLE;
    /* What was sent before the end is read first; the end itself shows in the read. */
    if ((ready & (TORC__READABLE | TORC__HUNG_UP)) && (io->state & (RECEIVES | WATCHES_IN)))
        receive_ready(readiness, io);
    if ((ready & (TORC__WRITABLE | TORC__HUNG_UP)) && (io->state & BLOCKED))
        send_ready(io);
}

/* Whose descriptor it is looks for himself; the poller is asked again. */
static void tell_stranded_watch(torc_io *io)
{
    torc__watched_tell(io, TORC__HUNG_UP);
    if (!(io->state & CLOSED))
        torc__readiness_watch_as_wanted(io);
}

static void tell_stranded(torc_io *io, int error)
{
    if (io->state & WATCHED)
        tell_stranded_watch(io);
    else if (io->state & LISTENS)
        io->events->accepted(io, -1, NULL, error);
    else if ((io->state & (RECEIVES | DATAGRAMS)) == (RECEIVES | DATAGRAMS))
        io->events->datagrams(io, NULL, 0, error);
    else if (io->state & RECEIVES)
        torc__readiness_tell_end(io, error);
    else if (io->state & BLOCKED)
        io->events->sent(io, 0, error);
}

/* Each once: what is told may strand others, whose turn is the next. */
static void tell_all_stranded(torc__readiness *readiness)
{
    int error = readiness->stranding_error;

    for (size_t count = readiness->stranded_count; count > 0; count--) {
        torc_io *io;

        if (readiness->stranded_count == 0)
            return;
        io = readiness->stranded[0];
        unstrand(io);
        tell_stranded(io, error);
    }
}

static bool any_always_ready_is_wanted(const torc__readiness *readiness)
{
    for (size_t i = 0; i < readiness->always_ready_count; i++)
        if (wanted_of(readiness->always_ready[i]) != 0)
            return true;
    return false;
}

/* From the last: one that is closed in there is replaced by one that was told already. */
static void tell_always_ready(torc__readiness *readiness)
{
    for (size_t i = readiness->always_ready_count; i-- > 0;)
        if (i < readiness->always_ready_count && wanted_of(readiness->always_ready[i]) != 0)
            torc__readiness_tell(readiness, readiness->always_ready[i],
                wanted_of(readiness->always_ready[i]));
}

void torc__readiness_woke(torc__readiness *readiness)
{
    torc_driver_woke(&readiness->driver, torc_monotonic_now());
}

/* -- the driver ---------------------------------------------------------------------------- */

int torc__readiness_open_parts(torc__readiness *readiness, const torc__poller *poller)
{
    readiness->poller = poller;
    readiness->waker.descriptor = -1;
    readiness->wake_descriptor = -1;
    readiness->buffer = torc__allocate(TORC__READ_SIZE);
    return readiness->buffer != NULL ? 0 : -ENOMEM;
}

void torc__readiness_close_parts(torc__readiness *readiness)
{
    torc__datagram_batch_free(readiness->datagrams);
    torc__free(readiness->always_ready);
    torc__free(readiness->buffer);
}

int torc__readiness_open(torc_driver *driver, const torc__poller *poller)
{
    torc__readiness *readiness = (torc__readiness *)(void *)driver;
    int error = torc__readiness_open_parts(readiness, poller);

    if (error != 0)
        return error;
    error = poller->open(readiness);
    if (error != 0) {
        torc__readiness_close_parts(readiness);
        return error;
    }
    error = torc__readiness_open_waker(readiness);
    if (error != 0)
        torc__readiness_close(driver);
    return error;
}

void torc__readiness_close(torc_driver *driver)
{
    torc__readiness *readiness = (torc__readiness *)(void *)driver;

    torc__readiness_close_waker(readiness);
    readiness->poller->close(readiness);
    torc__readiness_close_parts(readiness);
}

torc_time torc__readiness_now(torc_driver *driver)
{
    (void)driver;
    return torc_monotonic_now();
}

bool torc__readiness_is_due(const torc__readiness *readiness)
{
    return readiness->stranded_count > 0 || any_always_ready_is_wanted(readiness);
}

void torc__readiness_tell_due(torc__readiness *readiness)
{
    if (TORC_UNLIKELY(readiness->stranded_count > 0))
        tell_all_stranded(readiness);
    if (TORC_UNLIKELY(readiness->always_ready_count > 0))
        tell_always_ready(readiness);
}

static torc_time timeout_until(const torc__readiness *readiness, torc_time deadline)
{
    torc_time timeout;

    if (deadline <= 0 || torc__readiness_is_due(readiness))
        return 0;
    if (deadline == TORC_NEVER)
        return -1;
    timeout = deadline - torc_monotonic_now();
    return timeout > 0 ? timeout : 0;
}

/*
 * An interruption is no reason to come back: whoever wants a turn, a signal's handler too, wakes
 * the driver, and the kernel interrupts for ends of its own (as after a ring of io_uring is closed).
 */
void torc__readiness_turn(torc_driver *driver, torc_time deadline)
{
    torc__readiness *readiness = (torc__readiness *)(void *)driver;
    torc_time timeout;

    do {
        timeout = timeout_until(readiness, deadline);
        readiness->interrupted = false;
        readiness->poller->wait(readiness, timeout);
    } while (readiness->interrupted && timeout != 0);
    torc__readiness_tell_due(readiness);
}

int torc__readiness_list(torc_io *io)
{
    int error = watch(io, wanted_of(io));

    if (error != 0)
        io->descriptor = -1;
    return error;
}

int torc__readiness_connect(
    torc_driver *driver, torc_io *io, const torc_address *peer, const torc_address *local)
{
    int descriptor = torc__socket_connect(peer, local);
    int error;

    if (descriptor < 0)
        return descriptor;
    torc__readiness_set_up_socket(driver, io, descriptor, CONNECTS);
    error = torc__readiness_list(io);
    if (error != 0)
        torc__socket_close(descriptor, false);
    return error;
}

/* Nearly all that is adopted is read from at once, so it is watched for reading from the start. */
int torc__readiness_adopt(torc_driver *driver, torc_io *io, int descriptor)
{
    torc__readiness_set_up_socket(driver, io, descriptor, RECEIVES);
    return torc__readiness_list(io);
}
