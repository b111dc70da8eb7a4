/*
 * The datagram ios of the readiness drivers: sockets and packet devices. What is received per
 * wake-up has a bound, so that no io starves the rest.
 *
 * Within the bound more is looked for after the first was told: a peer that is close has often
 * answered by then what was sent meanwhile, and asking the poller again costs more than receiving.
 * A peer that is far has not, and the look is in vain; how it went last says whether to look.
 *
 * The upper half of an io's state is the largest datagram that it takes. The memory that all of
 * them share comes with the first.
 */
#include "reactor/driver/datagram.h"

#include "base/memory.h"
#include "reactor/driver/datagram_batch.h"
#include "reactor/driver/datagram_socket.h"
#include "reactor/driver/readiness_io.h"
#include "reactor/driver/socket.h"

#include <errno.h>

#define SIZE_SHIFT 16
#define SIZE_MAX_OF_ALL ((size_t)65535)

/* After so many looks for more in vain, so many are left out before it is tried again. */
enum { LOOKS_IN_VAIN_MAX = 4, LOOKS_TO_SKIP = 32 };

static torc__datagram_kind kind_of(const torc_io *io);

/* -- what can be asked --------------------------------------------------------------------- */

/*
 * A UNIX socket that is connected to nobody counts as writable although the one that it sends to
 * is full, so waiting for that would be spinning: the datagram is lost, as on a network.
 */
static ssize_t refuse_or_block(torc_io *io, const torc_datagram *first)
{
    return first->peer.kind == TORC_ADDRESS_UNIX
        ? -ENOBUFS : torc__readiness_sent_or_blocked(io, -EAGAIN, 0);
}

static ssize_t send_datagrams(torc_io *io, const torc_datagram *batch, size_t count)
{
    ssize_t sent;

    if (io->state & BLOCKED)
        return 0;
    sent = torc__datagram_batch_send(
        torc__readiness_of(io)->datagrams, io->descriptor, batch, count, kind_of(io));
    if (sent == -EAGAIN || sent == -EWOULDBLOCK)
        return refuse_or_block(io, batch);
    return sent;
}

static bool close_datagrams(torc_io *io, bool reset)
{
    (void)reset;
    if (io->state & CLOSED)
        return true;
    torc__readiness_forget(io);
    torc__socket_close(io->descriptor, false);
    io->descriptor = -1;
    io->state = CLOSED;
    return true;
}

static void local_address(torc_io *io, torc_address *ret_address)
{
    torc__socket_local_address(io->descriptor, ret_address);
}

static void peer_address(torc_io *io, torc_address *ret_address)
{
    torc__socket_peer_address(io->descriptor, ret_address);
}

#define CALLS \
    .receive = torc__readiness_receive, \
    .close = close_datagrams, \
    .local_address = local_address, \
    .peer_address = peer_address, \
    .send_datagrams = send_datagrams

static const torc_io_class single_class = { .name = "datagram socket", CALLS };
static const torc_io_class coalesced_class = { .name = "UDP socket", CALLS };
static const torc_io_class device_class = { .name = "packet device", CALLS };

static torc__datagram_kind kind_of(const torc_io *io)
{
    if (io->kind == &coalesced_class)
        return TORC__DATAGRAMS_COALESCED;
    return io->kind == &device_class ? TORC__DATAGRAMS_DEVICE : TORC__DATAGRAMS_SINGLE;
}

/* -- what is told -------------------------------------------------------------------------- */

static int told_error(const torc_io *io, ssize_t received)
{
#if defined(EBADFD)
    if (received == -EBADFD)
        return ENODEV;
#endif
    if (io->kind == &device_class && (received == -EFAULT || received == -ENXIO))
        return ENODEV;
    return (int)-received;
}

/* False: nothing was there, or it has failed. */
static bool receive_batch(torc_io *io, size_t *budget)
{
    torc__datagram_batch *batch = torc__readiness_of(io)->datagrams;
    ssize_t received = torc__datagram_batch_receive(
        batch, io->descriptor, io->state >> SIZE_SHIFT, kind_of(io), budget);
    size_t count;

    if (received == -EAGAIN || received == -EWOULDBLOCK)
        return false;
    if (received < 0) {
        io->events->datagrams(io, NULL, 0, told_error(io, received));
        return false;
    }
    while (!(io->state & CLOSED) && (count = torc__datagram_batch_next(batch)) > 0)
        io->events->datagrams(io, batch->datagrams, count, 0);
    return true;
}

/* A packet device was read until it had no more. */
static bool may_receive_more(const torc_io *io, size_t budget)
{
    return budget > 0 && (io->state & (RECEIVES | CLOSED)) == RECEIVES
        && io->kind != &device_class;
}

static bool is_worth_a_look(torc__datagram_batch *batch)
{
    if (batch->looks_to_skip == 0)
        return true;
    batch->looks_to_skip--;
    return false;
}

static void learn(torc__datagram_batch *batch, bool found)
{
    if (found)
        batch->looks_in_vain = 0;
    else if (++batch->looks_in_vain >= LOOKS_IN_VAIN_MAX)
        batch->looks_to_skip = LOOKS_TO_SKIP;
}

void torc__datagrams_receive(torc_io *io)
{
    torc__datagram_batch *batch = torc__readiness_of(io)->datagrams;
    size_t budget = TORC_DATAGRAMS_MAX;
    bool found = receive_batch(io, &budget);

    while (found && may_receive_more(io, budget) && is_worth_a_look(batch)) {
        found = receive_batch(io, &budget);
        learn(batch, found);
    }
}

/* -- opening ------------------------------------------------------------------------------- */

static int reserve_batch(torc_driver *driver)
{
    torc__readiness *readiness = (torc__readiness *)(void *)driver;

    if (readiness->datagrams == NULL)
        readiness->datagrams = torc__datagram_batch_new();
    return readiness->datagrams != NULL ? 0 : -ENOMEM;
}

static uint32_t state_of(const torc_datagram_options *options)
{
    size_t size = options->size_max;

    if (size == 0 || size > SIZE_MAX_OF_ALL)
        size = SIZE_MAX_OF_ALL;
    return DATAGRAMS | RECEIVES | (uint32_t)size << SIZE_SHIFT;
}

static const torc_io_class *class_of_socket(int descriptor)
{
    return torc__datagram_socket_coalesce(descriptor) ? &coalesced_class : &single_class;
}

int torc__readiness_open_datagrams(torc_driver *driver, torc_io *io, const torc_address *local,
    const torc_address *peer, const torc_datagram_options *options)
{
    int error = reserve_batch(driver);
    int descriptor = error == 0 ? torc__datagram_socket_open(local, peer, options) : error;

    if (descriptor < 0)
        return descriptor;
    torc__readiness_set_up(
        driver, io, class_of_socket(descriptor), descriptor, state_of(options));
    error = torc__readiness_list(io);
    if (error != 0)
        torc__socket_close(descriptor, false);
    return error;
}

int torc__readiness_adopt_datagrams(
    torc_driver *driver, torc_io *io, int descriptor, const torc_datagram_options *options)
{
    bool is_device = false;
    int error = reserve_batch(driver);

    if (error == 0)
        error = torc__datagram_socket_adopt(descriptor, &is_device);
    if (error != 0)
        return error;
    torc__readiness_set_up(driver, io, is_device ? &device_class : class_of_socket(descriptor),
        descriptor, state_of(options));
    return torc__readiness_list(io);
}

int torc__readiness_multicast(torc_io *io, const torc_multicast *request)
{
    return torc__datagram_socket_multicast(io->descriptor, request);
}
