/*
 * That the driver struct fits a completion port, shown by a sketch: as much of a driver on Windows'
 * calls as a server needs that accepts, receives and sends. The calls are a stand-in's; the
 * transports above it are the real ones. docs/porting.md says what a whole driver needs.
 *
 * Beside each io stands what the system holds while an operation is pending: the OVERLAPPED, and
 * the buffer that is received into. It lives until the last completion has come, and so does the
 * io: that is what `closed` is for.
 */
#include "reactor/support.h"

#include "base/memory.h"
#include "reactor/driver/readiness.h"
#include "reactor/driver/socket.h"
#include "support/iocp/win32_stand_in.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENTRIES_MAX = 16, PIECES_MAX = 16, RECEIVED_MAX = 4096 };

typedef struct iocp_driver iocp_driver;

typedef struct sketched {
    OVERLAPPED receiving; /* or accepting */
    OVERLAPPED sending;
    bool is_receiving;    /* the system holds `receiving` and the buffer */
    bool is_sending;
    bool listens;
    bool wants;           /* its events are on */
    bool ended;
    bool has_kept;        /* what was received and is not told yet */
    bool closes;
    bool is_over;
    DWORD kept;
    int kept_error;
    SOCKET accepted;      /* the socket that the next connection is to be */
    torc_io *io;
    iocp_driver *driver;
    struct sketched *next; /* in one of the driver's lists, or NULL */
    bool is_listed;
    char buffer[RECEIVED_MAX];
} sketched;

struct iocp_driver {
    torc_driver driver; /* first */
    HANDLE port;
    sketched *to_tell;  /* those with something kept, which is wanted again */
    sketched *over;     /* those to be freed at the turn's end */
};

static iocp_driver *self_of(torc_driver *driver)
{
    return (iocp_driver *)(void *)driver;
}

static void push(sketched **list, sketched *held)
{
    held->next = *list;
    *list = held;
}

/* -- operations ---------------------------------------------------------------------------- */

static int begin_accepting(sketched *held)
{
    DWORD bytes;

    held->accepted = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (held->accepted == INVALID_SOCKET)
        return errno;
    return AcceptEx(held->io->descriptor, held->accepted, held->buffer, 0, 64, 64, &bytes,
               &held->receiving)
        ? 0 : errno;
}

static int begin_receiving(sketched *held)
{
    WSABUF piece = { RECEIVED_MAX, held->buffer };
    DWORD flags = 0;

    return WSARecv(held->io->descriptor, &piece, 1, NULL, &flags, &held->receiving, NULL) == 0
        ? 0 : errno;
}

static void keep(sketched *held, DWORD bytes, int error)
{
    held->has_kept = true;
    held->kept = bytes;
    held->kept_error = error;
}

static void list_to_tell(sketched *held)
{
    if (held->is_listed)
        return;
    held->is_listed = true;
    push(&held->driver->to_tell, held);
}

static void begin_if_wanted(sketched *held)
{
    int error;

    if (!held->wants || held->is_receiving || held->ended || held->closes)
        return;
    if (held->has_kept) {
        list_to_tell(held);
        return;
    }
    error = held->listens ? begin_accepting(held) : begin_receiving(held);
    held->is_receiving = error == 0;
    if (error == 0)
        return;
    keep(held, 0, error);
    list_to_tell(held);
}

/* -- what is told -------------------------------------------------------------------------- */

static void tell_accepted(sketched *held)
{
    SOCKET accepted = held->accepted;
    torc_address peer;

    held->accepted = INVALID_SOCKET;
    torc__socket_peer_address(accepted, &peer);
    held->io->events->accepted(held->io, accepted, &peer, 0);
}

static void tell_kept(sketched *held)
{
    torc_io *io = held->io;

    if (!held->has_kept || !held->wants || held->closes)
        return;
    held->has_kept = false;
    if (held->listens && held->kept_error != 0)
        io->events->accepted(io, -1, NULL, held->kept_error);
    else if (held->listens)
        tell_accepted(held);
    else if (held->kept > 0)
        io->events->received(io, torc_slice_make(held->buffer, held->kept), 0);
    else {
        held->ended = true;
        io->events->received(io, torc_slice_make(NULL, 0), held->kept_error);
    }
    begin_if_wanted(held);
}

static void finish_if_over(sketched *held)
{
    if (!held->closes || held->is_over || held->is_receiving || held->is_sending)
        return;
    held->is_over = true;
    if (held->accepted != INVALID_SOCKET)
        close(held->accepted);
    push(&held->driver->over, held);
}

static void complete(const OVERLAPPED_ENTRY *entry)
{
    sketched *held = (sketched *)entry->lpCompletionKey;
    bool is_send = entry->lpOverlapped == &held->sending;

    if (is_send)
        held->is_sending = false;
    else
        held->is_receiving = false;
    if (held->closes) {
        finish_if_over(held);
        if (!held->is_receiving && !held->is_sending)
            held->io->events->closed(held->io);
        return;
    }
    if (is_send)
        held->io->events->sent(
            held->io, entry->dwNumberOfBytesTransferred, (int)entry->Internal);
    else {
        keep(held, entry->dwNumberOfBytesTransferred, (int)entry->Internal);
        tell_kept(held);
    }
}

static void free_all(sketched **list)
{
    while (*list != NULL) {
        sketched *held = *list;

        *list = held->next;
        torc__free(held);
    }
}

static void tell_listed(iocp_driver *self)
{
    sketched *held = self->to_tell;

    self->to_tell = NULL;
    while (held != NULL) {
        sketched *next = held->next;

        held->is_listed = false;
        tell_kept(held);
        finish_if_over(held);
        held = next;
    }
}

/* -- the io's class ------------------------------------------------------------------------ */

static sketched *held_by(const torc_io *io)
{
    return io->carrier;
}

/* The bytes are the caller's, who keeps them until `sent`: nothing is copied. */
static ssize_t io_send(torc_io *io, const struct iovec *pieces, int count, bool more)
{
    sketched *held = held_by(io);
    WSABUF buffers[PIECES_MAX];
    DWORD used = 0;

    (void)more;
    for (; used < PIECES_MAX && used < (DWORD)count; used++) {
        buffers[used].len = (DWORD)pieces[used].iov_len;
        buffers[used].buf = pieces[used].iov_base;
    }
    if (WSASend(io->descriptor, buffers, used, NULL, 0, &held->sending, NULL) != 0)
        return -errno;
    held->is_sending = true;
    return 0;
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
    held_by(io)->wants = on;
    begin_if_wanted(held_by(io));
}

static int io_finish(torc_io *io)
{
    return shutdown(io->descriptor, SHUT_WR) == 0 ? 0 : -errno;
}

static bool io_close(torc_io *io, bool reset)
{
    sketched *held = held_by(io);

    held->closes = true;
    CancelIoEx(handle_of(io->descriptor), NULL);
    torc__socket_close(io->descriptor, reset);
    io->descriptor = -1;
    if (!held->is_listed)
        finish_if_over(held);
    return !held->is_receiving && !held->is_sending;
}

static void io_local_address(torc_io *io, torc_address *ret_address)
{
    torc__socket_local_address(io->descriptor, ret_address);
}

static void io_peer_address(torc_io *io, torc_address *ret_address)
{
    torc__socket_peer_address(io->descriptor, ret_address);
}

static const torc_io_class io_class = {
    .name = "iocp",
    .send = io_send,
    .send_file = io_send_file,
    .receive = io_receive,
    .finish = io_finish,
    .close = io_close,
    .local_address = io_local_address,
    .peer_address = io_peer_address,
};

/* -- the driver's class -------------------------------------------------------------------- */

static int driver_open(torc_driver *driver)
{
    self_of(driver)->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    return self_of(driver)->port != NULL ? 0 : -errno;
}

static void driver_close(torc_driver *driver)
{
    free_all(&self_of(driver)->over);
    CloseHandle(self_of(driver)->port);
}

static torc_time driver_now(torc_driver *driver)
{
    (void)driver;
    return torc_monotonic_now();
}

static DWORD milliseconds_until(const iocp_driver *self, torc_time deadline)
{
    torc_time left = deadline - torc_monotonic_now();

    if (self->to_tell != NULL)
        return 0;
    if (deadline == TORC_NEVER)
        return INFINITE;
    return left > 0 ? (DWORD)torc__readiness_milliseconds(left) : 0;
}

static void driver_turn(torc_driver *driver, torc_time deadline)
{
    iocp_driver *self = self_of(driver);
    OVERLAPPED_ENTRY entries[ENTRIES_MAX];
    DWORD count = 0;

    GetQueuedCompletionStatusEx(
        self->port, entries, ENTRIES_MAX, &count, milliseconds_until(self, deadline), 0);
    torc_driver_woke(driver, torc_monotonic_now());
    for (DWORD i = 0; i < count; i++)
        if (entries[i].lpOverlapped != NULL)
            complete(&entries[i]);
    tell_listed(self);
    free_all(&self->over);
}

static void driver_wake(torc_driver *driver)
{
    PostQueuedCompletionStatus(self_of(driver)->port, 0, 0, NULL);
}

static int set_up_io(iocp_driver *self, torc_io *io, SOCKET socket, bool listens)
{
    sketched *held = torc__allocate_zeroed(sizeof *held);

    if (held == NULL)
        return -ENOMEM;
    held->driver = self;
    held->io = io;
    held->listens = listens;
    held->accepted = INVALID_SOCKET;
    io->kind = &io_class;
    io->carrier = held;
    io->descriptor = socket;
    CreateIoCompletionPort(handle_of(socket), self->port, (ULONG_PTR)held, 0);
    return 0;
}

static int driver_listen(torc_driver *driver, torc_io *io, const torc_address *address,
    const torc_socket_options *options)
{
    int socket = torc__socket_listen(address, options);

    return socket < 0 ? socket : set_up_io(self_of(driver), io, socket, true);
}

static int driver_adopt(torc_driver *driver, torc_io *io, int descriptor)
{
    int error = set_up_io(self_of(driver), io, descriptor, false);

    if (error == 0)
        io_receive(io, true);
    return error;
}

static const torc_driver_class iocp = {
    .name = "iocp",
    .size = sizeof(iocp_driver),
    .open = driver_open,
    .close = driver_close,
    .now = driver_now,
    .turn = driver_turn,
    .wake = driver_wake,
    .listen = driver_listen,
    .start_accepting = io_receive,
    .adopt = driver_adopt,
};

/* -- around each test ---------------------------------------------------------------------- */

static torc_reactor *made;
static unsigned lost;

static int open_reactor(void **state)
{
    int error;

    (void)state;
    record[0] = '\0';
    lost = 0;
    made = torc__reactor_new_on(&iocp, &error);
    return made == NULL;
}

static int close_reactor(void **state)
{
    (void)state;
    torc_reactor_free(made);
    return 0;
}

#define RUN_UNTIL(condition) \
    do { \
        torc_time run_deadline = torc_monotonic_now() + 5 * TORC_SECOND; \
        while (!(condition)) { \
            if (torc_monotonic_now() > run_deadline) \
                fail_msg("in vain: %s", #condition); \
            torc_iterate(made, 2 * TORC_MILLISECOND); \
        } \
    } while (0)

/* -- a conversation, through the real transports ------------------------------------------- */

static void echo_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static void echo_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    lost++;
}

static const torc_protocol_class echo = {
    .name = "Echo",
    .data_received = echo_data,
    .connection_lost = echo_lost,
};

static torc_result note_stopped(void *stopped, torc_result result)
{
    *(bool *)stopped = true;
    return result;
}

static int connect_to(torc_port *port)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    RUN_UNTIL(torc_port_address(port).port != 0);
    to.sin_port = htons(torc_port_address(port).port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
    return client;
}

static size_t answered(int client, char *answer, size_t size)
{
    ssize_t got = recv(client, answer, size, MSG_DONTWAIT);

    return got > 0 ? (size_t)got : 0;
}

static void converse(int client)
{
    static char sent[200000];
    static char answer[sizeof sent];
    size_t written = 0;
    size_t length = 0;

    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 7 + i / 251);
    while (length < sizeof sent) {
        ssize_t taken = send(client, sent + written, sizeof sent - written, MSG_DONTWAIT);

        written += taken > 0 ? (size_t)taken : 0;
        torc_iterate(made, 2 * TORC_MILLISECOND);
        length += answered(client, answer + length, sizeof answer - length);
    }
    assert_memory_equal(answer, sent, sizeof sent);
}

static void an_echo_runs_through_the_driver_struct(void **state)
{
    torc_port *port =
        torc_listen(torc_root(made), "tcp:0:interface=127.0.0.1", torc_factory_of(&echo));
    int clients[3];
    bool stopped = false;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        clients[i] = connect_to(port);
    for (size_t i = 0; i < 3; i++)
        converse(clients[i]);
    for (size_t i = 0; i < 3; i++)
        close(clients[i]);
    RUN_UNTIL(lost == 3);
    torc_add_callback(torc_port_stop(port), note_stopped, &stopped);
    RUN_UNTIL(stopped);
    torc_iterate(made, 0);
}

/* -- one io --------------------------------------------------------------------------------- */

static void received(torc_io *io, torc_slice data, int error)
{
    (void)io;
    if (data.length > 0)
        note("%.*s ", TORC_FMT(data));
    else
        note("end:%d ", error);
}

static void closed(torc_io *io)
{
    (void)io;
    note("closed ");
}

static const torc_io_events events = { .received = received, .closed = closed };

static torc_io one_io(int *ret_peer)
{
    int ends[2];
    torc_io io = { .events = &events };

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    *ret_peer = ends[1];
    io.descriptor = ends[0];
    return io;
}

/* The buffer is the system's while an operation is pending: so closing has to wait. */
static void a_close_with_an_operation_pending_is_told_later(void **state)
{
    int peer;
    torc_io io = one_io(&peer);

    (void)state;
    assert_int_equal(iocp.adopt(made->driver, &io, io.descriptor), 0);
    assert_false(io.kind->close(&io, false));
    assert_ran("");
    iocp.turn(made->driver, 0);
    assert_ran("closed ");
    iocp.turn(made->driver, 0);
    assert_ran("");
    close(peer);
}

static void what_completes_while_receiving_is_off_is_kept(void **state)
{
    int peer;
    torc_io io = one_io(&peer);

    (void)state;
    assert_int_equal(iocp.adopt(made->driver, &io, io.descriptor), 0);
    io.kind->receive(&io, false);
    assert_int_equal(write(peer, "kept", 4), 4);
    iocp.turn(made->driver, 0);
    assert_ran("");
    io.kind->receive(&io, true);
    assert_ran("");
    iocp.turn(made->driver, TORC_NEVER);
    assert_ran("kept ");
    close(peer);
    iocp.turn(made->driver, TORC_NEVER);
    assert_ran("end:0 ");
    assert_true(io.kind->close(&io, false));
}

static void a_posted_status_wakes_the_port(void **state)
{
    (void)state;
    iocp.wake(made->driver);
    iocp.turn(made->driver, TORC_NEVER);
}

#define SKETCH_TEST(function) \
    cmocka_unit_test_setup_teardown(function, open_reactor, close_reactor)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SKETCH_TEST(an_echo_runs_through_the_driver_struct),
        SKETCH_TEST(a_close_with_an_operation_pending_is_told_later),
        SKETCH_TEST(what_completes_while_receiving_is_off_is_kept),
        SKETCH_TEST(a_posted_status_wakes_the_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
