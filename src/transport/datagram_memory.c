/*
 * The memory pair of datagram transports: what one sends is queued at the other, up to a bound, and
 * told from a task of the reactor, so that it behaves as a socket does, but loses nothing.
 */
#include "transport/datagram.h"

#include "base/memory.h"

#include <errno.h>

/* What an end takes before its peer's sends have to wait: as a small socket buffer. */
#define INBOX_MAX ((size_t)64 * 1024)

typedef struct datagram_link datagram_link;

typedef struct datagram_end {
    torc__task task; /* tells what there is to tell */
    torc_io *io;     /* NULL once closed */
    torc__datagram_queue inbox;
    bool receives;
    bool telling;    /* its inbox is being told, and must stay where it is */
    bool blocked;    /* it could not send, and is to be told when it can */
    struct datagram_end *peer;
    datagram_link *link;
} datagram_end;

struct datagram_link {
    torc__grave grave;
    datagram_end ends[2];
    torc_reactor *reactor;
    unsigned open_ends;
};

static datagram_end *end_of(const torc_io *io)
{
    return io->carrier;
}

static void queue(datagram_end *end)
{
    if (end->io != NULL)
        torc__queue_task(end->link->reactor, &end->task);
}

static bool takes_more(const datagram_end *end)
{
    return !end->telling && end->inbox.cost < INBOX_MAX;
}

static void tell_datagrams(datagram_end *end)
{
    size_t count = end->inbox.count < TORC_DATAGRAMS_MAX ? end->inbox.count : TORC_DATAGRAMS_MAX;

    end->telling = true;
    end->io->events->datagrams(end->io, torc__datagram_queue_first(&end->inbox), count, 0);
    end->telling = false;
    if (end->io == NULL)
        return;
    torc__datagram_queue_consume(&end->inbox, count);
    if (end->peer->blocked)
        queue(end->peer);
    if (end->inbox.count > 0)
        queue(end);
}

static void tell(torc__task *task)
{
    datagram_end *end = TORC_CONTAINER_OF(task, datagram_end, task);

    if (end->io != NULL && end->blocked && takes_more(end->peer)) {
        end->blocked = false;
        end->io->events->sent(end->io, 0, 0);
    }
    if (end->io != NULL && end->receives && end->inbox.count > 0)
        tell_datagrams(end);
}

/* -- what can be asked of an end ----------------------------------------------------------- */

static ssize_t send_datagrams(torc_io *io, const torc_datagram *batch, size_t count)
{
    static const torc_address nobody;
    datagram_end *end = end_of(io);
    datagram_end *peer = end->peer;
    size_t sent = 0;

    if (peer->io == NULL)
        return -EPIPE;
    while (sent < count && takes_more(peer)) {
        if (!torc__datagram_queue_add(&peer->inbox, batch[sent].bytes, &nobody))
            return sent > 0 ? (ssize_t)sent : -ENOMEM;
        sent++;
    }
    if (sent == 0)
        end->blocked = true;
    queue(peer);
    return (ssize_t)sent;
}

static void receive(torc_io *io, bool on)
{
    datagram_end *end = end_of(io);

    end->receives = on;
    if (on && end->inbox.count > 0)
        queue(end);
}

static void free_link(torc__grave *grave)
{
    datagram_link *link = TORC_CONTAINER_OF(grave, datagram_link, grave);

    torc__datagram_queue_free(&link->ends[0].inbox);
    torc__datagram_queue_free(&link->ends[1].inbox);
    torc__free(link);
}

/* The inboxes stay until the turn is over: what is being told stands in one. */
static bool close_end(torc_io *io, bool reset)
{
    datagram_end *end = end_of(io);
    datagram_link *link = end->link;

    (void)reset;
    end->io = NULL;
    torc__cancel_task(&end->task);
    if (end->peer->blocked)
        queue(end->peer);
    end->inbox.cost = 0;
    if (--link->open_ends == 0)
        torc__bury(link->reactor, &link->grave, free_link);
    return true;
}

static void no_address(torc_io *io, torc_address *ret_address)
{
    (void)io;
    memset(ret_address, 0, sizeof *ret_address);
}

static const torc_io_class memory_class = {
    .name = "datagrams in memory",
    .receive = receive,
    .close = close_end,
    .local_address = no_address,
    .peer_address = no_address,
    .send_datagrams = send_datagrams,
};

/* -- making a pair ------------------------------------------------------------------------- */

static void set_up(datagram_link *link, size_t index, torc_datagram_transport *transport)
{
    datagram_end *end = &link->ends[index];

    end->task.run = tell;
    end->io = &transport->io;
    end->receives = true;
    end->peer = &link->ends[1 - index];
    end->link = link;
    transport->io.kind = &memory_class;
    transport->io.carrier = end;
    link->open_ends++;
    torc__datagrams_open(transport, NULL);
}

torc_datagram_protocol *torc_pair_datagrams(torc_scope *scope, const torc_datagram_class *one,
    const torc_datagram_class *other, torc_datagram_protocol **ret_other)
{
    torc_reactor *reactor = torc_scope_reactor(scope);
    datagram_link *link = torc__allocate_zeroed(sizeof *link);
    torc_datagram_transport *first =
        link != NULL ? torc__datagrams_try_new(scope, one, NULL) : NULL;
    torc_datagram_transport *second =
        first != NULL ? torc__datagrams_try_new(scope, other, NULL) : NULL;

    torc__check_thread(reactor, "torc_pair_datagrams");
    *ret_other = NULL;
    if (second == NULL && first != NULL)
        torc_stop_datagrams(first);
    if (second == NULL || torc_scope_has_ended(scope)) {
        torc__free(link);
        if (second == NULL)
            return NULL;
    } else {
        link->reactor = reactor;
        set_up(link, 0, first);
        set_up(link, 1, second);
    }
    *ret_other = torc__datagrams_protocol(second);
    return torc__datagrams_protocol(first);
}
