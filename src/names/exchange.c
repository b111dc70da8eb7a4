/*
 * Sockets that questions share. The first question of a turn chooses one of the server's at random,
 * and the others of that turn leave with it, in one call; answers find their exchange by id.
 *
 * This works on the driver itself: of a datagram transport's queue, protocol and scope nothing is
 * needed here.
 *
 * Invariants: an exchange is open while it is in its socket's table; a socket that is retired
 * (`sockets` is NULL) takes no more questions and closes with its last exchange.
 */
#include "names/exchange.h"

#include "base/memory.h"
#include "names/resolver.h"

#include <torc/driver.h>

#include <errno.h>

/*
 * What sharing does to forgers, by the arithmetic of RFC 5452 7. Who forges an answer and does not
 * see the question must hit the port (P: 28,232 of them, in Linux's own range), the id (I: 65,536)
 * and the case of each letter of the name, beside all that is known: one forgery in
 * P * I * 2^letters does. Equal questions are not under way twice (D = 1), and a forgery is for one
 * question only, so that others at the same port make it no likelier: to who does not know the
 * port, a shared one is as good as one of its own.
 *
 * He may search for the port first, by how the system answers probes, of which Linux answers 1,000
 * in a second. After LIFE no question begins at a port any more: he has found it by then with a
 * chance of 3.5 %. What is left are ids and letters, and WRONG_MAX guesses at them; then the socket
 * is given up, and what is under way by it is asked in another way (RFC 5452 9.3). Of 65,536 * 2^10
 * for a name of ten letters that is one in two million. A question that was dropped excuses one
 * wrong answer, since its own may still come: with QUESTIONS_MAX that remains one in 200,000.
 */
#define LIFE TORC_SECOND
enum { WRONG_MAX = 32, QUESTIONS_MAX = 256 };

/* Larger answers than are asked for are no answers. */
enum { DATAGRAM_MAX = 4096, BUCKETS = 256 };

struct torc__dns_socket {
    torc__grave grave;
    torc_io io;
    torc_reactor *reactor;
    torc_resolver *resolver;
    torc__dns_sockets *sockets; /* whose it is; NULL: retired */
    torc__task task;            /* sends what is outgoing, at the turn's end */
    torc_timer timer;
    torc__list outgoing;
    unsigned int asked;
    unsigned int under_way;     /* outgoing ones too */
    unsigned int wrong;         /* what came and answered nothing */
    unsigned int excused;       /* of that */
    torc__exchange *answering;  /* the one that is being told of a datagram */
    bool closed;
    torc__exchange *buckets[BUCKETS]; /* of those under way, by id */
};

/* -- ending -------------------------------------------------------------------------------- */

static void bury(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, torc__dns_socket, grave));
}

static void is_closed(torc_io *io)
{
    torc__dns_socket *self = TORC_CONTAINER_OF(io, torc__dns_socket, io);

    torc__bury(self->reactor, &self->grave, bury);
}

static void close_socket(torc__dns_socket *self)
{
    self->closed = true;
    torc_timer_cancel(&self->timer);
    torc__cancel_task(&self->task);
    if (self->io.kind->close(&self->io, false))
        is_closed(&self->io);
}

static void retire(torc__dns_socket *self)
{
    torc__dns_sockets *sockets = self->sockets;

    if (sockets == NULL)
        return;
    self->sockets = NULL;
    torc_timer_cancel(&self->timer);
    if (sockets->current == self)
        sockets->current = NULL;
    for (size_t i = 0; i < TORC__DNS_SOCKETS_MAX; i++)
        if (sockets->open[i] == self)
            sockets->open[i] = NULL;
    if (self->under_way == 0)
        close_socket(self);
}

static void has_lived(void *self)
{
    retire(self);
}

void torc__dns_sockets_retire(torc__dns_sockets *sockets)
{
    for (size_t i = 0; i < TORC__DNS_SOCKETS_MAX; i++)
        if (sockets->open[i] != NULL)
            retire(sockets->open[i]);
}

/* -- exchanges of a socket ----------------------------------------------------------------- */

static torc__exchange **bucket_of(torc__dns_socket *self, uint16_t id)
{
    return &self->buckets[id % BUCKETS];
}

static torc__exchange *find(torc__dns_socket *self, uint16_t id)
{
    torc__exchange *exchange = *bucket_of(self, id);

    while (exchange != NULL && exchange->id != id)
        exchange = exchange->next;
    return exchange;
}

static void take_out(torc__exchange *exchange)
{
    torc__dns_socket *self = exchange->socket;
    torc__exchange **place = bucket_of(self, exchange->id);

    while (*place != exchange)
        place = &(*place)->next;
    *place = exchange->next;
    torc__list_remove(&exchange->link);
    exchange->socket = NULL;
    self->under_way--;
    if (self->under_way == 0 && self->sockets == NULL)
        close_socket(self);
}

void torc__exchange_close(torc__exchange *exchange)
{
    torc__dns_socket *socket = exchange->socket;

    if (socket == NULL)
        return;
    if (!torc__list_is_linked(&exchange->link) && socket->answering != exchange)
        socket->excused++;
    take_out(exchange);
}

static void fail(torc__exchange *exchange, int error)
{
    take_out(exchange);
    if (error != 0)
        exchange->events->failed(exchange, error);
    else
        exchange->events->attacked(exchange);
}

/* The socket is of no use any more: for an error, or, where that is 0, an attack. */
static void fail_all(torc__dns_socket *self, int error)
{
    retire(self);
    for (size_t i = 0; i < BUCKETS; i++)
        while (self->buckets[i] != NULL)
            fail(self->buckets[i], error);
}

/* -- receiving ----------------------------------------------------------------------------- */

/* False: nobody is waiting for such a thing. */
static bool receive(torc__dns_socket *self, const torc_datagram *datagram)
{
    torc_slice bytes = datagram->bytes;
    bool is_answer;

    if (datagram->truncated || bytes.length < 2)
        return false;
    self->answering = find(self, torc__dns_get16(bytes.data));
    if (self->answering == NULL || torc__list_is_linked(&self->answering->link))
        return false;
    is_answer = self->answering->events->received(self->answering, bytes);
    self->answering = NULL;
    return is_answer;
}

static void got_datagrams(torc_io *io, const torc_datagram *batch, size_t count, int error)
{
    torc__dns_socket *self = TORC_CONTAINER_OF(io, torc__dns_socket, io);

    if (count == 0 && !self->closed)
        fail_all(self, error);
    for (size_t i = 0; i < count && !self->closed; i++) {
        if (receive(self, &batch[i]))
            continue;
        self->resolver->counts.ignored++;
        if (++self->wrong >= WRONG_MAX + self->excused)
            fail_all(self, 0);
    }
}

/* -- sending ------------------------------------------------------------------------------- */

/* Points to what is outgoing, from the first on; how many. */
static size_t gather(const torc__dns_socket *self, torc_datagram batch[TORC_DATAGRAMS_MAX])
{
    const torc__list *node = self->outgoing.next;
    size_t count = 0;

    for (; node != &self->outgoing && count < TORC_DATAGRAMS_MAX; node = node->next) {
        torc_datagram *datagram = &batch[count++];

        memset(datagram, 0, sizeof *datagram);
        datagram->bytes = TORC_CONTAINER_OF(node, torc__exchange, link)->bytes;
    }
    return count;
}

static torc__exchange *first_outgoing(torc__dns_socket *self)
{
    return TORC_CONTAINER_OF(self->outgoing.next, torc__exchange, link);
}

/* False: no more can leave now. */
static bool send_some(torc__dns_socket *self)
{
    torc_datagram batch[TORC_DATAGRAMS_MAX];
    ssize_t sent = self->io.kind->send_datagrams(&self->io, batch, gather(self, batch));

    for (ssize_t i = 0; i < sent; i++)
        (void)torc__list_take_first(&self->outgoing);
    if (sent > 0)
        self->resolver->counts.datagrams += (uint64_t)sent;
    else if (sent == -ECONNREFUSED)
        fail_all(self, ECONNREFUSED);
    else if (sent < 0)
        fail(first_outgoing(self), (int)-sent);
    return sent != 0;
}

static void send_outgoing(torc__task *task)
{
    torc__dns_socket *self = TORC_CONTAINER_OF(task, torc__dns_socket, task);

    if (self->sockets != NULL && self->sockets->current == self)
        self->sockets->current = NULL;
    while (!self->closed && !torc__list_is_empty(&self->outgoing) && send_some(self))
        continue;
}

static void can_send(torc_io *io, size_t count, int error)
{
    torc__dns_socket *self = TORC_CONTAINER_OF(io, torc__dns_socket, io);

    (void)count;
    (void)error;
    if (!self->closed)
        torc__queue_after(self->reactor, &self->task);
}

/* -- beginning ----------------------------------------------------------------------------- */

static const torc_io_events io_events = {
    .datagrams = got_datagrams,
    .sent = can_send,
    .closed = is_closed,
};

static torc__dns_socket *open_socket(
    torc_resolver *resolver, const torc_address *server, int *ret_error)
{
    static const torc_datagram_options options = { .size_max = DATAGRAM_MAX, .unix_mode = -1 };
    torc_driver *driver = resolver->reactor->driver;
    torc__dns_socket *self = torc__allocate_zeroed(sizeof *self);

    *ret_error = ENOMEM;
    if (self == NULL)
        return NULL;
    self->reactor = resolver->reactor;
    self->resolver = resolver;
    self->task.run = send_outgoing;
    torc__list_init(&self->outgoing);
    self->io.events = &io_events;
    self->io.descriptor = -1;
    *ret_error = -driver->kind->open_datagrams(driver, &self->io, NULL, server, &options);
    if (*ret_error == 0) {
        self->io.kind->receive(&self->io, true);
        return self;
    }
    torc__free(self);
    return NULL;
}

/* NULL: there is none, and none can be opened. */
static torc__dns_socket *choose_socket(torc_resolver *resolver, torc__dns_sockets *sockets,
    const torc_address *server, int *ret_error)
{
    torc__dns_socket *self = sockets->current;
    uint8_t choice;

    if (self != NULL)
        return self;
    torc__resolver_random(resolver, &choice, sizeof choice);
    choice %= TORC__DNS_SOCKETS_MAX;
    self = sockets->open[choice];
    if (self == NULL) {
        self = open_socket(resolver, server, ret_error);
        if (self == NULL)
            return NULL;
        self->sockets = sockets;
        sockets->open[choice] = self;
        torc_timer_set(&self->timer, &resolver->own, LIFE, has_lived, self);
    }
    sockets->current = self;
    return self;
}

int torc__exchange_begin(torc__exchange *exchange, torc_resolver *resolver,
    torc__dns_sockets *sockets, const torc_address *server)
{
    int error;
    torc__dns_socket *socket = choose_socket(resolver, sockets, server, &error);

    if (socket == NULL)
        return error;
    do
        torc__resolver_random(resolver, &exchange->id, sizeof exchange->id);
    while (find(socket, exchange->id) != NULL);
    exchange->socket = socket;
    exchange->next = *bucket_of(socket, exchange->id);
    *bucket_of(socket, exchange->id) = exchange;
    torc__list_append(&socket->outgoing, &exchange->link);
    torc__queue_after(socket->reactor, &socket->task);
    socket->under_way++;
    if (++socket->asked == (resolver->fresh_ports ? 1 : QUESTIONS_MAX))
        retire(socket);
    return 0;
}
