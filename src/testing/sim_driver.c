/*
 * The driver of a simulated host: what its reactor asks for, and its turn, which never waits. What
 * `accepted` gives is no descriptor but a number of the host's own, far above any descriptor.
 */
#include "testing/sim.h"

#include "reactor/reactor.h"

#include <errno.h>
#include <string.h>

/* Accepted connections are counted from here on. */
#define FIRST_NUMBER (1 << 24)

typedef struct sim_driver {
    torc_driver driver; /* first */
    torc_sim_host *host;
} sim_driver;

/* A driver is opened before anybody has it: this is whose it is. */
static torc_sim_host *opening;

static torc_sim_host *host_of(torc_driver *driver)
{
    return ((sim_driver *)(void *)driver)->host;
}

/* -- a connection's io --------------------------------------------------------------------- */

static ssize_t io_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    (void)more;
    return torc__sim_send(io->carrier, pieces, count);
}

static ssize_t io_send_file(torc_io *io, int file, int64_t offset, size_t length)
{
    (void)io;
    (void)file;
    (void)offset;
    (void)length;
    return -ENOSYS;
}

static void io_receive(torc_io *io, bool on)
{
    torc__sim_socket *socket = io->carrier;

    socket->receives = on && !socket->end_told;
    if (socket->receives && (socket->inbox.size > 0 || socket->ended || socket->error != 0))
        torc__sim_wake(socket);
}

static int io_finish(torc_io *io)
{
    return torc__sim_finish(io->carrier);
}

static bool io_close(torc_io *io, bool reset)
{
    torc__sim_socket *socket = io->carrier;

    if (socket == NULL)
        return true;
    if (torc__sim_occurs(socket->host, TORC_SIM_DELAYS)) {
        torc__sim_close_late(socket, reset);
        return false;
    }
    io->carrier = NULL;
    torc__sim_close(socket, reset);
    return true;
}

static void io_local_address(torc_io *io, torc_address *ret_address)
{
    *ret_address = ((torc__sim_socket *)io->carrier)->address;
}

static void io_peer_address(torc_io *io, torc_address *ret_address)
{
    *ret_address = ((torc__sim_socket *)io->carrier)->other->address;
}

static int io_set_option(torc_io *io, torc_io_option option, int value)
{
    if (option == TORC_IO_KEEP_ALIVE)
        torc__sim_keep_alive(io->carrier, value * TORC_SECOND);
    return 0;
}

static const torc_io_class socket_class = {
    .name = "simulated",
    .send = io_send,
    .send_file = io_send_file,
    .receive = io_receive,
    .finish = io_finish,
    .close = io_close,
    .local_address = io_local_address,
    .peer_address = io_peer_address,
    .set_option = io_set_option,
};

static void set_up(torc_io *io, torc__sim_socket *socket)
{
    io->kind = &socket_class;
    io->carrier = socket;
    io->descriptor = -1;
    socket->io = io;
}

/* -- a listener's io ----------------------------------------------------------------------- */

static bool listener_close(torc_io *io, bool reset)
{
    (void)reset;
    if (io->carrier != NULL)
        torc__sim_stop_listening(io->carrier);
    io->carrier = NULL;
    return true;
}

static void listener_local_address(torc_io *io, torc_address *ret_address)
{
    *ret_address = ((torc__sim_listener *)io->carrier)->address;
}

static void no_address(torc_io *io, torc_address *ret_address)
{
    (void)io;
    memset(ret_address, 0, sizeof *ret_address);
}

static const torc_io_class listener_class = {
    .name = "simulated listener",
    .close = listener_close,
    .local_address = listener_local_address,
    .peer_address = no_address,
};

/* -- the driver ---------------------------------------------------------------------------- */

static int driver_open(torc_driver *driver)
{
    ((sim_driver *)(void *)driver)->host = opening;
    return 0;
}

static void driver_close(torc_driver *driver)
{
    (void)driver;
}

static torc_time driver_now(torc_driver *driver)
{
    return host_of(driver)->sim->now;
}

/* Each thing that is ready is told once: what is ready again waits for the next turn. */
static void driver_turn(torc_driver *driver, torc_time deadline)
{
    torc_sim_host *host = host_of(driver);
    torc__list batch;
    torc__list *link;

    (void)deadline;
    torc_driver_woke(driver, host->sim->now);
    torc__list_move(&host->ready, &batch);
    while ((link = torc__list_take_first(&batch)) != NULL) {
        torc__sim_ready *ready = TORC_CONTAINER_OF(link, torc__sim_ready, link);

        ready->tell(ready);
    }
}

static void driver_wake(torc_driver *driver)
{
    (void)driver;
}

static int driver_listen(torc_driver *driver, torc_io *io, const torc_address *address,
    const torc_socket_options *options)
{
    torc__sim_listener *listener;
    int error = torc__sim_listen(host_of(driver), io, address, options, &listener);

    if (error != 0)
        return error;
    io->kind = &listener_class;
    io->carrier = listener;
    io->descriptor = -1;
    return 0;
}

static int driver_adopt_listener(torc_driver *driver, torc_io *io, int descriptor)
{
    (void)driver;
    (void)io;
    (void)descriptor;
    return -EBADF;
}

static void driver_start_accepting(torc_io *io, bool on)
{
    torc__sim_listener *listener = io->carrier;

    if (listener == NULL)
        return;
    listener->accepts = on;
    if (on && listener->waiting > 0)
        torc__sim_make_ready(listener->host, &listener->ready);
}

static int driver_connect(
    torc_driver *driver, torc_io *io, const torc_address *peer, const torc_address *local)
{
    torc_sim_host *host = host_of(driver);
    torc__sim_socket *socket;
    int error = -EMFILE;

    if (torc__sim_lacks_descriptors(host))
        return error;
    socket = torc__sim_connect(host, peer, local, &error);
    if (socket == NULL)
        return error;
    set_up(io, socket);
    return 0;
}

/* The accepted connection of that number, which is then nobody's; NULL when there is none. */
static torc__sim_socket *take_accepted(torc_sim_host *host, int number)
{
    for (torc__list *link = host->accepted.next; link != &host->accepted; link = link->next) {
        torc__sim_socket *socket = TORC_CONTAINER_OF(link, torc__sim_socket, link);

        if (socket->number != number)
            continue;
        torc__list_remove(link);
        return socket;
    }
    return NULL;
}

static int driver_adopt(torc_driver *driver, torc_io *io, int descriptor)
{
    torc__sim_socket *socket = take_accepted(host_of(driver), descriptor);

    if (socket == NULL)
        return -EBADF;
    set_up(io, socket);
    return 0;
}

static void driver_discard(torc_driver *driver, int descriptor)
{
    torc__sim_socket *socket = take_accepted(host_of(driver), descriptor);

    if (socket != NULL)
        torc__sim_close(socket, false);
}

static size_t driver_look_up(torc_driver *driver, const char *host, uint16_t port, bool only_ipv6,
    torc_address *ret_addresses, size_t maximum, torc_time *ret_delay)
{
    torc__sim_answer answer;
    size_t count;

    torc__sim_look_up(host_of(driver), host, only_ipv6, &answer);
    count = answer.count < maximum ? answer.count : maximum;
    for (size_t i = 0; i < count; i++) {
        ret_addresses[i] = answer.addresses[i];
        ret_addresses[i].port = port;
    }
    *ret_delay = answer.delay;
    return count;
}

static int driver_open_datagrams(torc_driver *driver, torc_io *io, const torc_address *local,
    const torc_address *peer, const torc_datagram_options *options)
{
    return torc__sim_open_datagrams(host_of(driver), io, local, peer, options);
}

static const torc_driver_class sim_driver_class = {
    .name = "sim",
    .size = sizeof(sim_driver),
    .open = driver_open,
    .close = driver_close,
    .now = driver_now,
    .turn = driver_turn,
    .wake = driver_wake,
    .listen = driver_listen,
    .adopt_listener = driver_adopt_listener,
    .start_accepting = driver_start_accepting,
    .connect = driver_connect,
    .adopt = driver_adopt,
    .discard = driver_discard,
    .open_datagrams = driver_open_datagrams,
    .multicast = torc__sim_multicast,
    .look_up = driver_look_up,
};

/* -- a host's reactor ---------------------------------------------------------------------- */

void torc__sim_open_reactor(torc_sim_host *host)
{
    int error;

    opening = host;
    host->next_number = FIRST_NUMBER;
    host->reactor = torc__reactor_new_on(&sim_driver_class, &error);
    opening = NULL;
    if (host->reactor == NULL)
        torc_testing_failed("the host %s cannot be made: %s", host->name, strerror(-error));
}

/* Closes that were to be told later are told now: the reactor must not go without. */
static void tell_late_closes(torc_sim_host *host)
{
    torc__list *connections = &host->sim->connections;
    torc__list *next;

    for (torc__list *link = connections->next; link != connections; link = next) {
        torc__sim_connection *connection = TORC_CONTAINER_OF(link, torc__sim_connection, link);

        next = link->next;
        connection->events++;
        for (size_t i = 0; i < 2; i++)
            if (connection->ends[i].host == host && connection->ends[i].close_is_late)
                torc__sim_tell(&connection->ends[i].ready);
        connection->events--;
        torc__sim_tidy(connection);
    }
}

static size_t count_open(const torc_sim_host *host)
{
    const torc__list *connections = &host->sim->connections;
    size_t count = 0;

    for (const torc__list *link = connections->next; link != connections; link = link->next) {
        const torc__sim_connection *connection =
            TORC_CONTAINER_OF(link, torc__sim_connection, link);

        for (size_t i = 0; i < 2; i++)
            count += connection->ends[i].host == host && connection->ends[i].io != NULL;
    }
    return count;
}

void torc__sim_close_reactor(torc_sim_host *host, torc__report *report)
{
    size_t left;

    tell_late_closes(host);
    torc_reactor_free(host->reactor);
    host->reactor = NULL;
    left = count_open(host);
    if (left > 0)
        torc__report_add(report, "%s left %zu connections open", host->name, left);
    if (!torc__list_is_empty(&host->accepted))
        torc__report_add(report, "%s accepted connections and forgot them", host->name);
    if (!torc__list_is_empty(&host->listeners))
        torc__report_add(report, "%s listens still", host->name);
}
