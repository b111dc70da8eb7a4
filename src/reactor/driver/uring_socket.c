/*
 * Sockets of the io_uring driver: opened and closed.
 *
 * Connecting is begun by connect() itself, which says at once what cannot even begin, and then
 * polled for. Closing cancels what the kernel has in hand, which would else keep the socket open:
 * the request holds it as well as the descriptor does.
 */
#include "reactor/driver/uring.h"

#if defined(TORC__HAS_URING)

# include "base/system_call.h"
# include "reactor/driver/linger.h"
# include "reactor/driver/socket.h"
# include "reactor/driver/socket_passing.h"

# include <errno.h>
# include <sys/socket.h>

/* -- what can be asked of an io ------------------------------------------------------------ */

static int io_finish(torc_io *io)
{
    return TORC__CALL(shutdown, io->descriptor, SHUT_WR) == 0 ? 0 : -errno;
}

static void local_address(torc_io *io, torc_address *ret_address)
{
    torc__socket_local_address(io->descriptor, ret_address);
}

static void peer_address(torc_io *io, torc_address *ret_address)
{
    torc__socket_peer_address(io->descriptor, ret_address);
}

static int set_option(torc_io *io, torc_io_option option, int value)
{
    int error;

    if (option == TORC_IO_SPLICE)
        return torc__uring_set_splicing(io, value != 0);
    error = torc__socket_set_option(io->descriptor, option, value);
    if (error == 0 && option == TORC_IO_TAKE_DESCRIPTORS)
        torc__uring_set_polled(io, TORC__URING_PASSES, value != 0);
    return error;
}

static int credentials(torc_io *io, torc_io_credentials *ret_credentials)
{
    return torc__socket_credentials(io->descriptor, ret_credentials);
}

/* -- closing ------------------------------------------------------------------------------- */

/* What was received here and never told is input that nobody read, as is what the socket holds. */
static bool has_unread(const torc__uring_slot *slot)
{
    return slot->kept != NULL || slot->unread > 0;
}

/* A stream that the peer has not ended may have to linger; see linger.h. */
static bool may_linger(const torc_io *io, const torc__uring_slot *slot)
{
    const uint32_t never = TORC__URING_LISTENS | TORC__URING_CONNECTS | TORC__URING_ENDED;

    return !(slot->state & never) && !torc__linger_is(io);
}

static bool lingers(torc_io *io, const torc__uring_slot *slot)
{
    if (!may_linger(io, slot))
        return false;
    if (has_unread(slot))
        return torc__linger_anyway(io->carrier, io->descriptor);
    return torc__linger(io->carrier, io->descriptor);
}

static bool io_close(torc_io *io, bool reset)
{
    torc__uring_driver *driver = torc__uring_of(io);
    torc__uring_slot *slot;
    bool listens;

    if (io->descriptor < 0)
        return true;
    slot = torc__uring_slot_of(io);
    listens = (slot->state & TORC__URING_LISTENS) != 0;
    /* What was gathered goes before the end, and while its bytes are there. */
    if (slot->state & TORC__URING_SENDING)
        torc__uring_send_gathered(driver, slot);
    if (reset || !lingers(io, slot))
        torc__socket_close(io->descriptor, reset);
    io->descriptor = -1;
    torc__uring_slot_detach(driver, slot);
    /* The address of a port is free for another as soon as it is closed. */
    if (driver->urgent && (listens || !driver->telling))
        torc__uring_flush(driver);
    return true;
}

const torc_io_class torc__uring_socket_class = {
    .name = "socket",
    .send = torc__uring_io_send,
    .send_file = torc__uring_io_send_file,
    .receive = torc__uring_io_receive,
    .finish = io_finish,
    .close = io_close,
    .local_address = local_address,
    .peer_address = peer_address,
    .send_descriptors = torc__uring_io_send_descriptors,
    .send_pipe = torc__uring_io_send_pipe,
    .set_option = set_option,
    .credentials = credentials,
};

/* -- opening ------------------------------------------------------------------------------- */

static int set_up(torc_driver *driver, torc_io *io, int descriptor, uint32_t state)
{
    torc__uring_driver *self = (torc__uring_driver *)(void *)driver;
    torc__uring_slot *slot = torc__uring_slot_new(self, io, descriptor, state);

    if (slot == NULL) {
        io->descriptor = -1;
        return -ENOMEM;
    }
    torc__uring_receive_wanted(self, slot);
    torc__uring_poll_wanted(self, slot);
    return 0;
}

int torc__uring_listen(torc_driver *driver, torc_io *io, const torc_address *address,
    const torc_socket_options *options)
{
    int descriptor = torc__socket_listen(address, options);
    int error;

    if (descriptor < 0)
        return descriptor;
    error = set_up(driver, io, descriptor, TORC__URING_LISTENS);
    if (error != 0)
        torc__socket_close(descriptor, false);
    return error;
}

int torc__uring_adopt_listener(torc_driver *driver, torc_io *io, int descriptor)
{
    int error = torc__socket_adopt_listener(descriptor);

    return error != 0 ? error : set_up(driver, io, descriptor, TORC__URING_LISTENS);
}

int torc__uring_connect(
    torc_driver *driver, torc_io *io, const torc_address *peer, const torc_address *local)
{
    int descriptor = torc__socket_connect(peer, local);
    int error;

    if (descriptor < 0)
        return descriptor;
    error = set_up(driver, io, descriptor, TORC__URING_CONNECTS);
    if (error != 0)
        torc__socket_close(descriptor, false);
    return error;
}

/* Nearly all that is adopted is read from at once, so it receives from the start. */
int torc__uring_adopt(torc_driver *driver, torc_io *io, int descriptor)
{
    return set_up(driver, io, descriptor, TORC__URING_WANTED);
}

#endif /* TORC__HAS_URING */
