/*
 * The memory transport: two ios that are each other's peer. What one sends is queued at the other,
 * up to a bound, and told from a task of the reactor, so that it behaves as a socket does.
 */
#include "transport/memory.h"

#include "transport/transport.h"

#include "base/memory.h"
#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What an end takes before its peer's sends become pending: as a small socket buffer. */
#define INBOX_MAX ((size_t)64 * 1024)

/* Bytes that are told in one event. */
enum { PIECE_MAX = 16 * 1024 };

typedef struct memory_end {
    torc__task task; /* tells what there is to tell */
    torc_io *io;     /* NULL once closed */
    torc__output inbox;
    bool receives;
    bool takes_descriptors;
    bool ended;      /* the peer has closed its half, after what is in the inbox */
    bool end_told;
    bool blocked;    /* a send of this end is pending */
    int error;       /* ... and how it ended */
    struct memory_end *peer;
    struct memory_link *link;
} memory_end;

typedef struct memory_link {
    torc__grave grave; /* first */
    memory_end ends[2];
    torc_reactor *reactor;
    unsigned open_ends;
    bool started;
    torc_transport *transports[2]; /* until they are started */
    torc__task start;
} memory_link;

static memory_end *end_of(const torc_io *io)
{
    return io->carrier;
}

static void queue(memory_end *end)
{
    if (end->io != NULL)
        torc__queue_task(end->link->reactor, &end->task);
}

/* -- what is told -------------------------------------------------------------------------- */

/* Each is the callee's, who may close the end; what is left of them then is nobody's. */
static void tell_descriptors(memory_end *end)
{
    int descriptors[TORC_DESCRIPTORS_MAX];
    size_t count =
        torc__output_take_descriptors(&end->inbox, end->link->reactor, descriptors);

    for (size_t i = 0; i < count; i++) {
        if (end->io != NULL && end->takes_descriptors && end->io->events->descriptor != NULL)
            end->io->events->descriptor(end->io, descriptors[i]);
        else
            close(descriptors[i]);
    }
}

/* The bytes are copied out first: the callee may close the end, and with it the inbox. */
static void tell_bytes(memory_end *end)
{
    char bytes[PIECE_MAX];
    struct iovec pieces[16];
    size_t length = 0;
    bool more;
    int count = torc__output_gather(&end->inbox, pieces, 16, &more);

    for (int i = 0; i < count && length < sizeof bytes; i++) {
        size_t room = sizeof bytes - length;
        size_t part = pieces[i].iov_len < room ? pieces[i].iov_len : room;

        memcpy(bytes + length, pieces[i].iov_base, part);
        length += part;
    }
    torc__output_consume(&end->inbox, end->link->reactor, length);
    if (end->peer->blocked)
        queue(end->peer);
    end->io->events->received(end->io, torc_slice_make(bytes, length), 0);
}

static void tell(torc__task *task)
{
    memory_end *end = TORC_CONTAINER_OF(task, memory_end, task);

    if (end->io != NULL && end->blocked && end->peer->inbox.size < INBOX_MAX) {
        end->blocked = false;
        end->io->events->sent(end->io, 0, 0);
    }
    if (end->io == NULL || !end->receives)
        return;
    if (end->inbox.size > 0) {
        tell_descriptors(end);
        if (end->io != NULL)
            tell_bytes(end);
        queue(end);
    } else if (end->ended && !end->end_told) {
        end->end_told = true;
        end->receives = false;
        end->io->events->received(end->io, torc_slice_make(NULL, 0), end->error);
    }
}

/* -- what can be asked of an end ----------------------------------------------------------- */

static ssize_t memory_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    memory_end *end = end_of(io);
    memory_end *peer = end->peer;
    size_t sent = 0;

    (void)more;
    if (peer->io == NULL || peer->end_told)
        return -EPIPE;
    for (int i = 0; i < count && peer->inbox.size < INBOX_MAX; i++) {
        size_t room = INBOX_MAX - peer->inbox.size;
        torc_slice part = torc_slice_first(
            torc_slice_make(pieces[i].iov_base, pieces[i].iov_len), room);

        if (!torc__output_copy(&peer->inbox, end->link->reactor, part))
            return sent > 0 ? (ssize_t)sent : -ENOMEM;
        sent += part.length;
    }
    if (sent == 0)
        end->blocked = true;
    queue(peer);
    return (ssize_t)sent;
}

/* They are passed when there is room for a byte, as on a socket. */
static ssize_t memory_send_descriptors(torc_io *io, const struct iovec *pieces, int count,
    const int *descriptors, size_t descriptor_count)
{
    memory_end *end = end_of(io);
    memory_end *peer = end->peer;

    if (peer->io != NULL && peer->inbox.size < INBOX_MAX)
        for (size_t i = 0; i < descriptor_count; i++) {
            int copy = TORC__CALL(fcntl, descriptors[i], F_DUPFD_CLOEXEC, 0);

            if (copy < 0)
                return -errno;
            if (!torc__output_pass(&peer->inbox, end->link->reactor, copy)) {
                close(copy);
                return -ENOMEM;
            }
        }
    return memory_send(io, pieces, count, false);
}

static int memory_set_option(torc_io *io, torc_io_option option, int value)
{
    if (option != TORC_IO_TAKE_DESCRIPTORS)
        return -ENOTSUP;
    end_of(io)->takes_descriptors = value != 0;
    return 0;
}

static ssize_t memory_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    (void)io;
    (void)file;
    (void)offset;
    (void)length;
    return -ENOSYS;
}

static void memory_receive(torc_io *io, bool on)
{
    memory_end *end = end_of(io);

    end->receives = on && !end->end_told;
    if (end->receives)
        queue(end);
}

static int memory_finish(torc_io *io)
{
    memory_end *peer = end_of(io)->peer;

    peer->ended = true;
    queue(peer);
    return 0;
}

static void free_link(torc__grave *grave)
{
    torc__free(grave);
}

static void bury_if_unused(memory_link *link)
{
    if (link->open_ends > 0 || !link->started)
        return;
    for (size_t i = 0; i < 2; i++)
        torc__output_clear(&link->ends[i].inbox, link->reactor);
    torc__bury(link->reactor, &link->grave, free_link);
}

static bool memory_close(torc_io *io, bool reset)
{
    memory_end *end = end_of(io);
    memory_end *peer = end->peer;
    memory_link *link = end->link;

    end->io = NULL;
    torc__cancel_task(&end->task);
    if (reset)
        torc__output_clear(&peer->inbox, link->reactor);
    if (reset && !peer->ended)
        peer->error = ECONNRESET;
    peer->ended = true;
    queue(peer);
    torc__output_clear(&end->inbox, link->reactor);
    link->open_ends--;
    bury_if_unused(link);
    return true;
}

static void memory_address(torc_io *io, torc_address *ret_address)
{
    (void)io;
    ret_address->kind = TORC_ADDRESS_NONE;
}

static const torc_io_class memory_class = {
    .name = "memory",
    .send = memory_send,
    .send_file = memory_send_file,
    .receive = memory_receive,
    .finish = memory_finish,
    .close = memory_close,
    .local_address = memory_address,
    .peer_address = memory_address,
    .send_descriptors = memory_send_descriptors,
    .set_option = memory_set_option,
};

/* -- making a pair ------------------------------------------------------------------------- */

static void set_up(memory_link *link, size_t index, torc_io *io)
{
    memory_end *end = &link->ends[index];

    end->task.run = tell;
    end->io = io;
    end->peer = &link->ends[1 - index];
    end->link = link;
    link->open_ends++;
    io->kind = &memory_class;
    io->carrier = end;
    io->descriptor = -1;
}

bool torc__memory_open(torc_reactor *reactor, torc_io *one, torc_io *other)
{
    memory_link *link = torc__allocate_zeroed(sizeof *link);

    if (link == NULL)
        return false;
    link->reactor = reactor;
    link->started = true;
    set_up(link, 0, one);
    set_up(link, 1, other);
    return true;
}

void torc__memory_move(torc_io *from, torc_io *to)
{
    memory_end *end = end_of(from);

    end->io = to;
    to->kind = &memory_class;
    to->carrier = end;
    to->descriptor = -1;
}

/* One that was closed before it began (its scope has ended) is dropped here. */
static void start(torc__task *task)
{
    memory_link *link = TORC_CONTAINER_OF(task, memory_link, start);

    for (size_t i = 0; i < 2; i++) {
        if (link->ends[i].io != NULL)
            torc__transport_start(link->transports[i], NULL);
        else
            torc__transport_drop(link->transports[i]);
    }
    link->started = true;
    bury_if_unused(link);
}

bool torc_connect_in_memory(torc_scope *scope, torc_factory *one, torc_factory *other)
{
    torc_reactor *reactor = torc_scope_reactor(scope);
    memory_link *link = torc__allocate_zeroed(sizeof *link);
    torc_transport *first = link != NULL ? torc__transport_new(scope, one) : NULL;
    torc_transport *second = first != NULL ? torc__transport_new(scope, other) : NULL;

    torc__check_thread(reactor, "torc_connect_in_memory");
    torc_factory_release(one);
    torc_factory_release(other);
    if (second == NULL) {
        if (first != NULL)
            torc__transport_drop(first);
        torc__free(link);
        return false;
    }
    link->reactor = reactor;
    link->start.run = start;
    link->transports[0] = first;
    link->transports[1] = second;
    set_up(link, 0, &first->io);
    set_up(link, 1, &second->io);
    torc__queue_task(reactor, &link->start);
    return true;
}
