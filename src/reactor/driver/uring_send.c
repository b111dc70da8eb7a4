/*
 * Sending. While a batch of completions is told, what its receivers answer is gathered and handed
 * over in one system call when all was told; a lone answer is sent directly, which is as cheap and
 * needs no completion. Either way the kernel takes what it can at once and never waits for room
 * with the bytes in its hands: that is what a poll is for.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "base/system_call.h"
# include "reactor/driver/socket.h"

# include <errno.h>
# include <string.h>

/* So much of a file is sent in one system call, so that one connection does not hold up others. */
# define FILE_SIZE_MAX ((size_t)512 * 1024)

/* With so few completions in a turn each send is made directly. */
enum { DIRECT_BATCH_MAX = 2 };

/* -- waiting for room ---------------------------------------------------------------------- */

void torc__uring_poll_wanted(torc__uring_driver *driver, torc__uring_slot *slot)
{
    unsigned wanted = 0;

    if (slot->io == NULL)
        return;
    if (slot->state & (TORC__URING_BLOCKED | TORC__URING_CONNECTS))
        wanted |= TORC__WRITABLE;
    if (torc__uring_polled_wanted(slot))
        wanted |= TORC__READABLE;
    if (wanted != 0)
        torc__uring_poll(driver, slot, wanted);
}

static void note_blocked(torc__uring_driver *driver, torc__uring_slot *slot)
{
    slot->state |= TORC__URING_BLOCKED;
    torc__uring_poll_wanted(driver, slot);
}

static void connected(torc__uring_driver *driver, torc__uring_slot *slot)
{
    torc_io *io = slot->io;

    slot->state &= ~(uint32_t)TORC__URING_CONNECTS;
    driver->told++;
    io->events->connected(io, torc__socket_error(io->descriptor));
}

static void has_room_again(torc__uring_driver *driver, torc__uring_slot *slot)
{
    slot->state &= ~(uint32_t)TORC__URING_BLOCKED;
    driver->told++;
    slot->io->events->sent(slot->io, 0, 0);
}

void torc__uring_polled(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done)
{
    unsigned ready = torc__uring_poll_answer(slot, done);

    /* Why a poll fails is for the call to find out that it is made for. */
    if (done->res < 0 && done->res != -ECANCELED)
        ready = TORC__HUNG_UP;
    if (slot->io != NULL && ready != 0 && (slot->state & TORC__URING_CONNECTS)) {
        connected(driver, slot);
        ready = 0;
    }
    if ((ready & (TORC__READABLE | TORC__HUNG_UP)) && torc__uring_polled_wanted(slot))
        torc__uring_polled_ready(driver, slot);
    if (slot->io != NULL && (ready & (TORC__WRITABLE | TORC__HUNG_UP))
        && (slot->state & TORC__URING_BLOCKED))
        has_room_again(driver, slot);
    torc__uring_poll_answered(driver, slot, done);
    torc__uring_poll_wanted(driver, slot);
}

/* -- sending ------------------------------------------------------------------------------- */

ssize_t torc__uring_sent_or_blocked(torc_io *io, ssize_t sent, size_t asked)
{
    bool none = sent == -EAGAIN || sent == -EWOULDBLOCK;

    if (none || (sent >= 0 && (size_t)sent < asked))
        note_blocked(torc__uring_of(io), torc__uring_slot_of(io));
    return none ? 0 : sent;
}

static ssize_t send_directly(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    size_t asked = 0;
    ssize_t sent;

    for (int i = 0; i < count; i++)
        asked += pieces[i].iov_len;
    do
        sent = torc__socket_send(io->descriptor, pieces, count, more);
    while (sent == -EINTR);
    return torc__uring_sent_or_blocked(io, sent, asked);
}

/* Describes a send in several pieces where it stays until it is handed over. */
static struct msghdr *describe(
    torc__uring_driver *driver, const struct iovec *pieces, size_t count)
{
    struct msghdr *message = &driver->messages[driver->message_count++];

    memset(message, 0, sizeof *message);
    message->msg_iov = &driver->pieces[driver->piece_count];
    message->msg_iovlen = count;
    memcpy(message->msg_iov, pieces, count * sizeof *pieces);
    driver->piece_count += count;
    return message;
}

static bool has_room(const torc__uring_driver *driver, size_t count)
{
    return driver->message_count < TORC__URING_MESSAGES_MAX
        && driver->piece_count + count <= TORC__URING_PIECES_MAX;
}

/* False when it cannot be gathered. */
static bool gather(torc_io *io, const struct iovec *pieces, size_t count)
{
    torc__uring_driver *driver = torc__uring_of(io);
    struct io_uring_sqe *entry;

    if (count > 1 && !has_room(driver, count))
        torc__uring_flush(driver);
    if (count > 1 && !has_room(driver, count))
        return false;
    entry = torc__uring_request(
        driver, torc__uring_slot_of(io), TORC__URING_SEND, TORC__URING_SENDING);
    if (entry == NULL)
        return false;
    entry->fd = io->descriptor;
    entry->msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (count == 1) {
        entry->opcode = IORING_OP_SEND;
        entry->addr = (uint64_t)(uintptr_t)pieces[0].iov_base;
        entry->len = (uint32_t)pieces[0].iov_len;
    } else {
        entry->opcode = IORING_OP_SENDMSG;
        entry->addr = (uint64_t)(uintptr_t)describe(driver, pieces, count);
        entry->len = 1;
    }
    driver->urgent = true;
    return true;
}

ssize_t torc__uring_io_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    const torc__uring_driver *driver = torc__uring_of(io);
    const torc__uring_slot *slot = torc__uring_slot_of(io);

    if (slot->state & (TORC__URING_BLOCKED | TORC__URING_SENDING))
        return 0;
    /* What is followed by a file is not worth gathering: the file leaves by a call of its own. */
    if (!driver->telling || more || driver->batch_size <= DIRECT_BATCH_MAX)
        return send_directly(io, pieces, count, more);
    if (torc__call_fails(count == 1 ? "send" : "sendmsg"))
        return errno == EINTR ? send_directly(io, pieces, count, more)
                              : torc__uring_sent_or_blocked(io, -errno, 1);
    if (!gather(io, pieces, (size_t)count))
        return send_directly(io, pieces, count, more);
    return 0;
}

static void send_entry(int descriptor, const struct io_uring_sqe *entry)
{
    struct iovec piece = { (void *)(uintptr_t)entry->addr, entry->len };
    const struct msghdr *message = (const struct msghdr *)(uintptr_t)entry->addr;

    if (entry->opcode == IORING_OP_SEND)
        (void)torc__socket_send(descriptor, &piece, 1, false);
    else
        (void)torc__socket_send(descriptor, message->msg_iov, (int)message->msg_iovlen, false);
}

void torc__uring_send_gathered(torc__uring_driver *driver, torc__uring_slot *slot)
{
    struct io_uring_sqe *entry;

    torc__uring_flush(driver);
    entry = torc__uring_request_waiting(driver, slot, TORC__URING_SEND);
    if (entry == NULL)
        return;
    send_entry(slot->io->descriptor, entry);
    torc__uring_take_back(driver, slot, entry, TORC__URING_SENDING);
}

void torc__uring_sent(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done)
{
    torc_io *io = slot->io;
    int error = done->res < 0 ? -done->res : 0;
    size_t count = error == 0 ? (size_t)done->res : 0;

    torc__uring_answered(driver, slot, TORC__URING_SENDING);
    if (io == NULL)
        return;
    if (error == EAGAIN) {
        note_blocked(driver, slot);
        return;
    }
    driver->told++;
    io->events->sent(io, count, error == EINTR || error == ECANCELED ? 0 : error);
}

/* Directly: handing over a file takes a pipe between the two in io_uring. */
ssize_t torc__uring_io_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    size_t asked = length < FILE_SIZE_MAX ? length : FILE_SIZE_MAX;
    ssize_t sent;

    if (torc__uring_slot_of(io)->state & (TORC__URING_BLOCKED | TORC__URING_SENDING))
        return 0;
    do
        sent = torc__socket_send_file(io->descriptor, file, offset, asked);
    while (sent == -EINTR);
    return torc__uring_sent_or_blocked(io, sent, asked);
}

#endif /* TORC__HAS_URING */
