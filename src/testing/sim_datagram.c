/*
 * Datagrams in the simulated network. Each travels by itself: with the delay of its link, behind
 * what the link has still to carry, and with no regard for others, so that jitter alone may have
 * one overtake another. What is lost is lost; faults lose, hold back and double them besides.
 *
 * A datagram knows where it goes as an address, and who is there is found when it arrives. A socket
 * that is closed stays until its host goes, because a turn may still be looking at it.
 */
#include "testing/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What waits to be received; what comes beyond that is dropped. */
#define INBOX_MAX ((size_t)208 * 1024)

#define HELD_BACK_MAX (100 * TORC_MILLISECOND)
#define LENGTH_MAX    ((size_t)65507)

enum { GROUPS_MAX = 8 };

typedef struct message {
    torc__list link; /* in sim->datagrams on its way, then in an inbox */
    torc_sim_host *from_host;
    torc_sim_host *to_host;
    torc_address from;
    torc_address to;
    size_t length;
    char bytes[];
} message;

typedef struct datagram_socket {
    torc__sim_ready ready; /* first */
    torc__list link;       /* in its host */
    torc_sim_host *host;
    torc_io *io;           /* NULL once closed */
    torc_address address;
    torc_address peer;     /* of kind TORC_ADDRESS_NONE: connected to nobody */
    torc_datagram_options options;
    torc_address groups[GROUPS_MAX];
    size_t group_count;
    bool deaf_to_itself;   /* what it sends to groups does not come to its host */
    torc__list inbox;
    size_t size;           /* of the inbox, in bytes */
    bool receives;
    bool refused;          /* ... and it is to be told */
} datagram_socket;

static bool is_zero(const torc_address *address)
{
    static const uint8_t zeros[16];

    return memcmp(address->ip, zeros, sizeof zeros) == 0;
}

static bool is_group(const torc_address *address)
{
    return (address->kind == TORC_ADDRESS_IPV4 && address->ip[0] >> 4 == 14)
        || (address->kind == TORC_ADDRESS_IPV6 && address->ip[0] == 0xff);
}

static bool is_same(const torc_address *one, const torc_address *other)
{
    if (one->kind != other->kind || one->port != other->port)
        return false;
    if (one->kind == TORC_ADDRESS_UNIX)
        return strcmp(one->path, other->path) == 0;
    return memcmp(one->ip, other->ip, sizeof one->ip) == 0;
}

static bool is_member(const datagram_socket *self, const torc_address *group)
{
    for (size_t i = 0; i < self->group_count; i++)
        if (memcmp(self->groups[i].ip, group->ip, sizeof group->ip) == 0)
            return true;
    return false;
}

/* Whether what is sent there from there comes to the socket. */
static bool takes(const datagram_socket *self, const message *datagram)
{
    const torc_address *own = &self->address;
    const torc_address *to = &datagram->to;

    if (self->io == NULL
        || (self->peer.kind != TORC_ADDRESS_NONE && !is_same(&self->peer, &datagram->from)))
        return false;
    if (own->kind == TORC_ADDRESS_UNIX || to->kind == TORC_ADDRESS_UNIX)
        return is_same(own, to);
    if (own->port != to->port)
        return false;
    if (is_group(to))
        return is_member(self, to);
    if (is_zero(own))
        return own->kind == to->kind || self->options.both_families;
    return is_same(own, to);
}

/* -- arriving ------------------------------------------------------------------------------ */

static message *copy_of(const message *datagram)
{
    message *copy = torc__testing_allocate(sizeof *copy + datagram->length);

    memcpy(copy, datagram, sizeof *copy + datagram->length);
    memset(&copy->link, 0, sizeof copy->link);
    return copy;
}

static void put_into(datagram_socket *self, const message *datagram)
{
    message *copy;

    if (self->size + datagram->length > INBOX_MAX)
        return;
    copy = copy_of(datagram);
    torc__list_append(&self->inbox, &copy->link);
    self->size += copy->length;
    torc__sim_note(self->host->sim, self->host, "datagram",
        torc_slice_make(copy->bytes, copy->length));
    torc__sim_make_ready(self->host, &self->ready);
}

/* To how many of the host's sockets it came. Of several on one port but for a group's, to one. */
static size_t give(const message *datagram)
{
    torc__list *sockets = &datagram->to_host->datagrams;
    datagram_socket *found = NULL;
    size_t count = 0;

    for (torc__list *link = sockets->next; link != sockets; link = link->next) {
        datagram_socket *self = TORC_CONTAINER_OF(link, datagram_socket, link);

        if (!takes(self, datagram))
            continue;
        count++;
        if (is_group(&datagram->to))
            put_into(self, datagram);
        else if (count == 1
            || torc__random_below(&datagram->to_host->sim->random, count) == 0)
            found = self;
    }
    if (found != NULL)
        put_into(found, datagram);
    return count;
}

/* As by ICMP, and only to who is connected: others could not tell which one it was. */
static void tell_refused(const message *datagram)
{
    torc__list *sockets = &datagram->from_host->datagrams;

    for (torc__list *link = sockets->next; link != sockets; link = link->next) {
        datagram_socket *self = TORC_CONTAINER_OF(link, datagram_socket, link);

        if (self->io == NULL || !is_same(&self->peer, &datagram->to))
            continue;
        self->refused = true;
        torc__sim_make_ready(self->host, &self->ready);
    }
}

static bool is_cut(torc_sim_host *from, torc_sim_host *to)
{
    const torc__sim_route *route = torc__sim_route_to(from, to);

    return route->cut || route->partitions > 0 || from->crashed || to->crashed;
}

static void arrive(torc_sim *sim, void *argument)
{
    message *datagram = argument;

    (void)sim;
    torc__list_remove(&datagram->link);
    if (!is_cut(datagram->from_host, datagram->to_host) && give(datagram) == 0
        && !is_group(&datagram->to) && !is_cut(datagram->to_host, datagram->from_host))
        tell_refused(datagram);
    torc__testing_release(datagram);
}

/* -- on the way ---------------------------------------------------------------------------- */

static void launch(message *datagram, torc_time arrival)
{
    torc_sim *sim = datagram->from_host->sim;

    torc__list_append(&sim->datagrams, &datagram->link);
    torc__sim_add_event(sim, arrival, arrive, datagram);
}

static torc_time arrival_of(torc_sim *sim, torc__sim_route *route, size_t length)
{
    const torc_sim_link *line = &route->link;
    torc_time left = sim->now;

    if (line->bytes_per_second > 0) {
        if (route->busy_until > left)
            left = route->busy_until;
        left = torc_time_add(left, (torc_time)((uint64_t)length * (uint64_t)TORC_SECOND
            / line->bytes_per_second));
        route->busy_until = left;
    }
    if (line->jitter > 0)
        left = torc_time_add(left,
            (torc_time)torc__random_below(&sim->random, (uint64_t)line->jitter + 1));
    return torc_time_add(left, line->delay);
}

/* Takes over the datagram. */
static void carry(message *datagram)
{
    torc_sim_host *from = datagram->from_host;
    torc_sim *sim = from->sim;
    torc__sim_route *route = torc__sim_route_to(from, datagram->to_host);
    unsigned loss = route->link.loss_per_mille;
    torc_time arrival = arrival_of(sim, route, datagram->length);

    if ((loss > 0 && torc__random_below(&sim->random, 1000) < loss)
        || torc__sim_occurs(from, TORC_SIM_LOST_DATAGRAMS)) {
        torc__testing_release(datagram);
        return;
    }
    if (torc__sim_occurs(from, TORC_SIM_DOUBLED_DATAGRAMS))
        launch(copy_of(datagram),
            arrival + 1 + (torc_time)torc__sim_choose(sim, (uint64_t)HELD_BACK_MAX));
    if (torc__sim_occurs(from, TORC_SIM_LATE_DATAGRAMS))
        arrival += 1 + (torc_time)torc__sim_choose(sim, (uint64_t)HELD_BACK_MAX);
    launch(datagram, arrival);
}

static torc_address source_of(const datagram_socket *self, const torc_address *to)
{
    torc_address source = self->address;

    if (source.kind == TORC_ADDRESS_UNIX || !is_zero(&source))
        return source;
    if (torc__sim_is_loopback(to))
        source = *to;
    else if (self->host->address.kind == to->kind)
        source = self->host->address;
    source.port = self->address.port;
    return source;
}

static void send_to_host(
    datagram_socket *self, torc_sim_host *host, const torc_address *to, torc_slice bytes)
{
    message *datagram = torc__testing_allocate(sizeof *datagram + bytes.length);

    datagram->from_host = self->host;
    datagram->to_host = host;
    datagram->to = *to;
    datagram->from = source_of(self, to);
    datagram->length = bytes.length;
    if (bytes.length > 0)
        memcpy(datagram->bytes, bytes.data, bytes.length);
    carry(datagram);
}

/* 0, or a negative errno. */
static int send_one(datagram_socket *self, const torc_datagram *datagram)
{
    const torc_address *to =
        datagram->peer.kind != TORC_ADDRESS_NONE ? &datagram->peer : &self->peer;
    torc_sim_host *host;

    if (datagram->bytes.length > LENGTH_MAX)
        return -EMSGSIZE;
    if (is_group(to)) {
        for (host = self->host->sim->hosts; host != NULL; host = host->next)
            if (host != self->host || !self->deaf_to_itself)
                send_to_host(self, host, to, datagram->bytes);
        return 0;
    }
    host = torc__sim_find_host(self->host, to);
    if (host != NULL)
        send_to_host(self, host, to, datagram->bytes);
    return 0;
}

/* -- the io -------------------------------------------------------------------------------- */

static ssize_t send_datagrams(torc_io *io, const torc_datagram *batch, size_t count)
{
    datagram_socket *self = io->carrier;

    for (size_t i = 0; i < count; i++) {
        int error = send_one(self, &batch[i]);

        if (error != 0)
            return i > 0 ? (ssize_t)i : error;
    }
    return (ssize_t)count;
}

static void receive(torc_io *io, bool on)
{
    datagram_socket *self = io->carrier;

    self->receives = on;
    if (on && !torc__list_is_empty(&self->inbox))
        torc__sim_make_ready(self->host, &self->ready);
}

static void empty(torc__list *messages)
{
    torc__list *link;

    while ((link = torc__list_take_first(messages)) != NULL)
        torc__testing_release(TORC_CONTAINER_OF(link, message, link));
}

static bool close_socket(torc_io *io, bool reset)
{
    datagram_socket *self = io->carrier;

    (void)reset;
    if (self == NULL)
        return true;
    io->carrier = NULL;
    self->io = NULL;
    empty(&self->inbox);
    self->size = 0;
    return true;
}

static void local_address(torc_io *io, torc_address *ret_address)
{
    *ret_address = ((datagram_socket *)io->carrier)->address;
}

static void peer_address(torc_io *io, torc_address *ret_address)
{
    *ret_address = ((datagram_socket *)io->carrier)->peer;
}

static const torc_io_class datagram_class = {
    .name = "simulated datagrams",
    .receive = receive,
    .close = close_socket,
    .local_address = local_address,
    .peer_address = peer_address,
    .send_datagrams = send_datagrams,
};

/* What is told stands outside the inbox: who is told may close the socket. */
static void tell_batch(datagram_socket *self)
{
    torc_datagram batch[TORC_DATAGRAMS_MAX];
    size_t size_max = self->options.size_max != 0 ? self->options.size_max : LENGTH_MAX;
    torc__list told;
    torc__list *link;
    size_t count = 0;

    torc__list_init(&told);
    while (count < TORC_DATAGRAMS_MAX && (link = torc__list_take_first(&self->inbox)) != NULL) {
        message *next = TORC_CONTAINER_OF(link, message, link);

        torc__list_append(&told, &next->link);
        self->size -= next->length;
        batch[count].bytes =
            torc_slice_first(torc_slice_make(next->bytes, next->length), size_max);
        batch[count].peer = next->from;
        batch[count].truncated = next->length > size_max;
        count++;
    }
    self->io->events->datagrams(self->io, batch, count, 0);
    empty(&told);
}

static void tell(torc__sim_ready *ready)
{
    datagram_socket *self = TORC_CONTAINER_OF(ready, datagram_socket, ready);

    if (self->io != NULL && self->receives && self->refused) {
        self->refused = false;
        self->io->events->datagrams(self->io, NULL, 0, ECONNREFUSED);
    }
    if (self->io != NULL && self->receives && !torc__list_is_empty(&self->inbox))
        tell_batch(self);
    if (self->io != NULL && self->receives && !torc__list_is_empty(&self->inbox))
        torc__sim_make_ready(self->host, &self->ready);
}

/* -- opening ------------------------------------------------------------------------------- */

static bool may_share(const datagram_socket *one, const torc_datagram_options *other)
{
    return (one->options.share_address && other->share_address)
        || (one->options.reuse_port && other->reuse_port);
}

static bool is_taken(
    torc_sim_host *host, const torc_address *address, const torc_datagram_options *options)
{
    for (torc__list *link = host->datagrams.next; link != &host->datagrams; link = link->next) {
        const datagram_socket *self = TORC_CONTAINER_OF(link, datagram_socket, link);

        if (self->io != NULL && is_same(&self->address, address) && !may_share(self, options))
            return true;
    }
    return false;
}

static torc_address bound_address(torc_sim_host *host, const torc_address *local,
    const torc_address *peer, const torc_datagram_options *options)
{
    torc_address address = { .kind = TORC_ADDRESS_NONE };

    if (local != NULL)
        address = *local;
    else
        address.kind = peer->kind;
    if (address.kind == TORC_ADDRESS_UNIX && local == NULL)
        snprintf(address.path, sizeof address.path, "@%05x",
            (unsigned)torc__sim_choose_port(host));
    else if (address.kind != TORC_ADDRESS_UNIX && address.port == 0)
        do
            address.port = torc__sim_choose_port(host);
        while (is_taken(host, &address, options));
    return address;
}

int torc__sim_open_datagrams(torc_sim_host *host, torc_io *io, const torc_address *local,
    const torc_address *peer, const torc_datagram_options *options)
{
    datagram_socket *self;
    torc_address address;

    if (torc__sim_lacks_descriptors(host))
        return -EMFILE;
    address = bound_address(host, local, peer, options);
    if (is_taken(host, &address, options))
        return -EADDRINUSE;
    self = torc__testing_allocate(sizeof *self);
    self->ready.tell = tell;
    self->host = host;
    self->io = io;
    self->address = address;
    self->options = *options;
    self->receives = true;
    if (peer != NULL)
        self->peer = *peer;
    torc__list_init(&self->inbox);
    torc__list_append(&host->datagrams, &self->link);
    io->kind = &datagram_class;
    io->carrier = self;
    io->descriptor = -1;
    return 0;
}

static int join(datagram_socket *self, const torc_address *group)
{
    if (is_member(self, group))
        return -EADDRINUSE;
    if (self->group_count == GROUPS_MAX)
        return -ENOBUFS;
    self->groups[self->group_count++] = *group;
    return 0;
}

static int leave(datagram_socket *self, const torc_address *group)
{
    for (size_t i = 0; i < self->group_count; i++)
        if (memcmp(self->groups[i].ip, group->ip, sizeof group->ip) == 0) {
            self->groups[i] = self->groups[--self->group_count];
            return 0;
        }
    return -EADDRNOTAVAIL;
}

int torc__sim_multicast(torc_io *io, const torc_multicast *request)
{
    datagram_socket *self = io->carrier;

    if (self->address.kind == TORC_ADDRESS_UNIX)
        return -ENOTSUP;
    if (request->request == TORC_MULTICAST_JOIN)
        return join(self, &request->group);
    if (request->request == TORC_MULTICAST_LEAVE)
        return leave(self, &request->group);
    if (request->request == TORC_MULTICAST_LOOP)
        self->deaf_to_itself = request->value == 0;
    return 0;
}

/* -- ending -------------------------------------------------------------------------------- */

void torc__sim_free_datagrams(torc_sim_host *host)
{
    torc__list *link;

    while ((link = torc__list_take_first(&host->datagrams)) != NULL) {
        datagram_socket *self = TORC_CONTAINER_OF(link, datagram_socket, link);

        torc__list_remove(&self->ready.link);
        empty(&self->inbox);
        torc__testing_release(self);
    }
}

void torc__sim_drop_datagrams(torc_sim *sim)
{
    empty(&sim->datagrams);
}
