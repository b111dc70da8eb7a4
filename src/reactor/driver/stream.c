/*
 * Streams that are no sockets, on a readiness driver: pipes, terminals, serial lines, files.
 *
 * They are read by read() and written by writev(), which raises SIGPIPE where a socket's send can
 * be told not to: so the first that sends has that signal ignored, unless the program handles it.
 */
#include "reactor/driver/readiness_io.h"

#include "base/system_call.h"
#include "reactor/driver/socket.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* So much of a file is sent at a time, for the sake of others: a file as destination takes all. */
#define FILE_PIECE_MAX ((size_t)512 * 1024)

/* A terminal of which the other side has gone answers EIO, which is its way of saying the end. */
static bool is_hung_up_terminal(const torc_io *io, int error)
{
    return error == EIO && isatty(io->descriptor);
}

ssize_t torc__stream_receive(const torc_io *io, void *buffer, size_t size)
{
    ssize_t got;

    /* It is told to receive only so that it notices when nobody reads any more. */
    if (io->state & SENDS_ONLY) {
        errno = EPIPE;
        return -1;
    }
    got = TORC__CALL(read, io->descriptor, buffer, size);
    return got < 0 && is_hung_up_terminal(io, errno) ? 0 : got;
}

static ssize_t stream_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    size_t asked = 0;
    ssize_t sent;

    (void)more;
    if (io->state & BLOCKED)
        return 0;
    for (int i = 0; i < count; i++)
        asked += pieces[i].iov_len;
    do
        sent = TORC__CALL(writev, io->descriptor, pieces, count);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        sent = is_hung_up_terminal(io, errno) ? -EPIPE : -errno;
    /* Who waits to be told that nobody reads is told so by every poller now. */
    if (sent == -EPIPE && (io->state & (SENDS_ONLY | RECEIVES)) == (SENDS_ONLY | RECEIVES))
        torc__readiness_strand(io, EPIPE);
    return torc__readiness_sent_or_blocked(io, sent, asked);
}

/* -ENOSYS for what sendfile does not know as a destination, as a file opened to append. */
static ssize_t stream_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    size_t asked = length < FILE_PIECE_MAX ? length : FILE_PIECE_MAX;
    ssize_t sent;

    if (io->state & BLOCKED)
        return 0;
    do
        sent = torc__socket_send_file(io->descriptor, file, offset, asked);
    while (sent == -EINTR);
    return torc__readiness_sent_or_blocked(io, sent, sent > 0 ? (size_t)sent : asked);
}

static void close_descriptor(torc_io *io)
{
    if (io->descriptor < 0)
        return;
    torc__readiness_forget(io);
    close(io->descriptor);
    io->descriptor = -1;
}

/* Only by its closing does the reader of a pipe come to know that this was all. */
static int stream_finish(torc_io *io)
{
    if (io->state & SENDS_ONLY) {
        io->state &= ~(uint32_t)(RECEIVES | BLOCKED);
        io->state |= ENDED;
        close_descriptor(io);
    }
    return 0;
}

static bool stream_close(torc_io *io, bool reset)
{
    (void)reset;
    if (!(io->state & CLOSED))
        close_descriptor(io);
    io->state = CLOSED;
    return true;
}

static void no_address(torc_io *io, torc_address *ret_address)
{
    (void)io;
    ret_address->kind = TORC_ADDRESS_NONE;
}

static const torc_io_class stream_class = {
    .name = "stream",
    .send = stream_send,
    .send_file = stream_send_file,
    .receive = torc__readiness_receive,
    .finish = stream_finish,
    .close = stream_close,
    .local_address = no_address,
    .peer_address = no_address,
};

static void ignore_broken_pipes(void)
{
    struct sigaction current;

    if (sigaction(SIGPIPE, NULL, &current) == 0 && current.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

int torc__readiness_adopt_stream(
    torc_driver *driver, torc_io *io, int descriptor, bool receives, bool sends)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (sends)
        pthread_once(&once, ignore_broken_pipes);
    torc__readiness_set_up(
        driver, io, &stream_class, descriptor, STREAM | (receives ? RECEIVES : SENDS_ONLY));
    return torc__readiness_list(io);
}
