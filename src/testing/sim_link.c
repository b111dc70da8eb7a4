/*
 * How a socket's segments travel. Each socket has a line of segments on their way to its other
 * socket, each with the time of its arrival, which never comes before that of the one in front.
 *
 * Whether a segment is lost shows when it should arrive: then it stays first in line and is tried
 * again later, after a time that doubles, as TCP does; after so many tries the sender gives up.
 */
#include "testing/sim.h"

#include <errno.h>
#include <string.h>

/* As Linux does it: net.ipv4.tcp_syn_retries, tcp_retries2, tcp_keepalive_probes, … */
#define SYN_WAIT   TORC_SECOND
#define DATA_WAIT  (200 * TORC_MILLISECOND)
#define WAIT_MAX   (120 * TORC_SECOND)
#define DELAY_MAX  (3 * TORC_SECOND)
#define HEALED_MAX (20 * TORC_SECOND)

/* Bytes a second, of a slow connection. */
enum { SLOWEST = 100, SLOW = 5000 };

#define PROBE_WAIT (75 * TORC_SECOND)

enum { SYN_TRIES = 6, DATA_TRIES = 15, PROBES_MAX = 9 };

/* -- segments ------------------------------------------------------------------------------ */

void torc__sim_queue_init(torc__sim_queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
    queue->size = 0;
}

void torc__sim_queue_append(torc__sim_queue *queue, torc__sim_segment *segment)
{
    segment->next = NULL;
    *queue->last = segment;
    queue->last = &segment->next;
    queue->size += segment->length;
}

torc__sim_segment *torc__sim_queue_take(torc__sim_queue *queue)
{
    torc__sim_segment *segment = queue->first;

    queue->first = segment->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->size -= segment->length;
    return segment;
}

void torc__sim_queue_clear(torc__sim_queue *queue)
{
    while (queue->first != NULL)
        torc__testing_release(torc__sim_queue_take(queue));
}

static torc__sim_segment *make_segment(torc__sim_kind kind, torc_slice bytes)
{
    torc__sim_segment *segment = torc__testing_allocate(sizeof *segment + bytes.length);

    segment->kind = kind;
    segment->length = bytes.length;
    if (bytes.length > 0)
        memcpy(segment->bytes, bytes.data, bytes.length);
    return segment;
}

/* -- routes -------------------------------------------------------------------------------- */

torc__sim_route *torc__sim_route_to(torc_sim_host *from, torc_sim_host *to)
{
    torc__sim_route *route;

    for (route = from->routes; route != NULL; route = route->next)
        if (route->to == to)
            return route;
    route = torc__testing_allocate(sizeof *route);
    route->to = to;
    if (from != to)
        route->link = from->sim->options.link;
    route->next = from->routes;
    from->routes = route;
    return route;
}

static bool is_cut(const torc__sim_route *route)
{
    return route->cut || route->partitions > 0;
}

static void heal(torc_sim *sim, void *argument)
{
    torc__sim_route *route = argument;

    (void)sim;
    route->partitions--;
}

static void part(torc__sim_socket *socket)
{
    torc_sim *sim = socket->host->sim;
    torc_time healed = sim->now + 1 + (torc_time)torc__sim_choose(sim, HEALED_MAX);

    socket->route->partitions++;
    socket->other->route->partitions++;
    torc__sim_add_wait(sim, healed, heal, socket->route);
    torc__sim_add_wait(sim, healed, heal, socket->other->route);
}

/* -- on the way ---------------------------------------------------------------------------- */

static bool cannot_arrive(const torc__sim_socket *from)
{
    return from->connection->dead || from->host->crashed || from->other->host->crashed
        || is_cut(from->route);
}

static bool is_lost(torc__sim_socket *from)
{
    torc_sim *sim = from->host->sim;
    unsigned loss = from->route->link.loss_per_mille;

    if (cannot_arrive(from))
        return true;
    return loss > 0 && torc__random_below(&sim->random, 1000) < loss;
}

static torc_time wait_of(const torc__sim_segment *segment)
{
    torc_time wait = segment->kind == TORC__SIM_SYN ? SYN_WAIT : DATA_WAIT;

    for (unsigned i = 0; i < segment->tries && wait < WAIT_MAX; i++)
        wait *= 2;
    return wait < WAIT_MAX ? wait : WAIT_MAX;
}

static void look(torc_sim *sim, void *argument);

/* Has the first in line looked at when it arrives. */
static void schedule(torc__sim_socket *from)
{
    const torc__sim_segment *first = from->outgoing.first;

    if (first == NULL || first->arrival >= from->scheduled)
        return;
    from->scheduled = first->arrival;
    from->connection->events++;
    torc__sim_add_event(from->host->sim, first->arrival, look, from);
}

/* It has to be sent again. */
static void try_again(torc__sim_socket *from, torc__sim_segment *segment)
{
    unsigned tries = segment->kind == TORC__SIM_SYN ? SYN_TRIES : DATA_TRIES;

    if (segment->kind == TORC__SIM_RST) {
        torc__testing_release(torc__sim_queue_take(&from->outgoing));
        return;
    }
    if (segment->tries > tries) {
        torc__sim_break(from, ETIMEDOUT);
        return;
    }
    segment->arrival = torc_time_add(from->host->sim->now, wait_of(segment));
    segment->tries++;
    if (from->last_arrival < segment->arrival)
        from->last_arrival = segment->arrival;
}

static void deliver_first(torc__sim_socket *from)
{
    torc__sim_segment *segment = from->outgoing.first;

    if (is_lost(from) || !torc__sim_admits(from->other, segment)) {
        try_again(from, segment);
    } else {
        from->other->last_heard = from->host->sim->now;
        torc__sim_arrived(from->other, torc__sim_queue_take(&from->outgoing));
    }
}

static void look(torc_sim *sim, void *argument)
{
    torc__sim_socket *from = argument;
    torc__sim_connection *connection = from->connection;

    connection->events--;
    if (from->scheduled <= sim->now)
        from->scheduled = TORC_NEVER;
    while (from->outgoing.first != NULL && from->outgoing.first->arrival <= sim->now)
        deliver_first(from);
    schedule(from);
    torc__sim_tidy(connection);
}

/* When the last of so many bytes has left, behind those before them. */
static torc_time departure(torc_time *busy_until, torc_time time, size_t length, uint64_t rate)
{
    if (rate == 0)
        return time;
    if (time < *busy_until)
        time = *busy_until;
    time += (torc_time)((double)length * (double)TORC_SECOND / (double)rate);
    *busy_until = time;
    return time;
}

/* When it will be there, if it is not lost. */
static torc_time arrival_of(torc__sim_socket *from, size_t length)
{
    torc_sim *sim = from->host->sim;
    torc__sim_route *route = from->route;
    const torc_sim_link *link = &route->link;
    torc_time time = sim->now;

    time = departure(&route->busy_until, time, length, link->bytes_per_second);
    time = departure(&from->busy_until, time, length, from->connection->bytes_per_second);
    time += link->delay;
    if (link->jitter > 0)
        time += (torc_time)torc__random_below(&sim->random, (uint64_t)link->jitter + 1);
    if (torc__sim_occurs(from->host, TORC_SIM_DELAYS))
        time += (torc_time)torc__sim_choose(sim, DELAY_MAX);
    return time > from->last_arrival ? time : from->last_arrival;
}

static void send_off(torc__sim_socket *from, torc__sim_kind kind, torc_slice bytes)
{
    torc__sim_segment *segment = make_segment(kind, bytes);

    segment->arrival = arrival_of(from, bytes.length);
    from->last_arrival = segment->arrival;
    torc__sim_queue_append(&from->outgoing, segment);
}

/* Somebody on the way resets it: both sides are told. */
static void reset_on_the_way(torc__sim_socket *from)
{
    from->connection->severed = true;
    torc__sim_queue_clear(&from->outgoing);
    torc__sim_queue_clear(&from->other->outgoing);
    send_off(from, TORC__SIM_RST, torc_slice_make(NULL, 0));
    send_off(from->other, TORC__SIM_RST, torc_slice_make(NULL, 0));
    schedule(from->other);
    schedule(from);
}

/* What may happen to it on the way. True: it is reset. */
static bool meets_a_fault(torc__sim_socket *from, torc__sim_kind kind)
{
    if (kind == TORC__SIM_RST)
        return false;
    if (torc__sim_occurs(from->host, TORC_SIM_DEAD_PEERS))
        from->connection->dead = true;
    if (torc__sim_occurs(from->host, TORC_SIM_PARTITIONS))
        part(from);
    if (torc__sim_occurs(from->host, TORC_SIM_SLOW_PEERS))
        from->connection->bytes_per_second =
            SLOWEST + torc__sim_choose(from->host->sim, SLOW - SLOWEST);
    torc__sim_may_crash(from->host);
    return torc__sim_occurs(from->host, TORC_SIM_RESETS);
}

void torc__sim_carry(torc__sim_socket *from, torc__sim_kind kind, torc_slice bytes)
{
    const torc_sim_link *link = &from->route->link;
    bool in_packets = link->bytes_per_second != 0 || link->loss_per_mille != 0;

    if (meets_a_fault(from, kind)) {
        reset_on_the_way(from);
        return;
    }
    in_packets = in_packets || from->connection->bytes_per_second != 0;
    do {
        torc_slice packet = in_packets ? torc_slice_first(bytes, TORC__SIM_PACKET) : bytes;

        send_off(from, kind, packet);
        bytes = torc_slice_skip(bytes, packet.length);
    } while (bytes.length > 0);
    schedule(from);
}

/* -- whether the other side is there ------------------------------------------------------- */

static void probe(torc_sim *sim, void *argument);

static void probe_at(torc__sim_socket *socket, torc_time time)
{
    socket->connection->events++;
    torc__sim_add_wait(socket->host->sim, time, probe, socket);
}

static void probe_now(torc__sim_socket *socket)
{
    torc_time now = socket->host->sim->now;

    if (cannot_arrive(socket) || cannot_arrive(socket->other)) {
        if (socket->probes++ == PROBES_MAX)
            torc__sim_break(socket, ETIMEDOUT);
        else
            probe_at(socket, now + PROBE_WAIT);
    } else if (socket->other->forgotten) {
        torc__sim_break(socket, ECONNRESET);
    } else {
        socket->last_heard = now;
        socket->probes = 0;
        probe_at(socket, now + socket->keep_alive);
    }
}

static void probe(torc_sim *sim, void *argument)
{
    torc__sim_socket *socket = argument;
    torc_time due = socket->last_heard + socket->keep_alive;

    socket->connection->events--;
    if (socket->keep_alive > 0 && !socket->closed && socket->error == 0) {
        if (due > sim->now)
            probe_at(socket, due);
        else
            probe_now(socket);
    }
    torc__sim_tidy(socket->connection);
}

void torc__sim_keep_alive(torc__sim_socket *socket, torc_time idle)
{
    bool was_on = socket->keep_alive > 0;

    socket->keep_alive = idle;
    if (idle > 0 && !was_on)
        probe_at(socket, torc_time_add(socket->host->sim->now, idle));
}
