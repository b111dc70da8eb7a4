/*
 * A coupling of two sockets, on each driver, with everything failing in turn: splicing, the pipes
 * for it, copying where that is refused, ends that are passed on. The outer ends are plain sockets
 * of the test's own. And a network device with an echo behind it, where there can be one.
 */
#include "torture/torture.h"

#include "support/driver_works.h"

#include "reactor/reactor.h"

#include <torc/couple.h>
#include <torc/tun.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than a pipe and a socket hold. */
enum { SIZE = 768 << 10 };

static char bytes[SIZE];

/* -- a coupling ---------------------------------------------------------------------------- */

typedef struct talk {
    torc_reactor *reactor;
    torc_scope *scope;
    torc_transport *ends[2];
    int outer[2];
    int inner[2];
    ino_t inodes[2];  /* by which they are known */
    int answered;
    int made;
    int lost;
    bool coupled;
    bool shut[2];
    bool over[2]; /* its peer's end has come */
    size_t sent;
    size_t got;
    bool damaged;
} talk;

static void end_made(torc_protocol *self)
{
    talk *t = torc_context_of(self);

    t->ends[t->made++] = self->transport;
}

static void end_lost(torc_protocol *self, const torc_failure *reason)
{
    talk *t = torc_context_of(self);

    assert_non_null(reason);
    t->lost++;
    t->ends[t->ends[0] == self->transport ? 0 : 1] = NULL;
}

static const torc_protocol_class end_class = {
    .name = "TortureEnd",
    .connection_made = end_made,
    .connection_lost = end_lost,
};

static torc_result note_answer(void *self, torc_result result)
{
    (void)result;
    ((talk *)self)->answered++;
    return torc_nothing();
}

static void open_pair(talk *t, int index)
{
    struct stat status;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fstat(pair[1], &status), 0);
    t->outer[index] = pair[0];
    t->inner[index] = pair[1];
    t->inodes[index] = status.st_ino;
}

static void adopt(talk *t, int index)
{
    torc_factory_options options = { .kind = &end_class, .context = t };
    torc_factory *factory;
    char where[32];

    snprintf(where, sizeof where, "fd:%d", t->inner[index]);
    torture_pause(true);
    factory = torc_factory_new(&options);
    torture_pause(false);
    torc_add_both(torc_connect(t->scope, where, factory), note_answer, t);
}

/* One that could not be adopted is still ours. */
static void close_if_left(const talk *t, int index)
{
    struct stat status;

    if (fstat(t->inner[index], &status) == 0 && status.st_ino == t->inodes[index])
        close(t->inner[index]);
}

/* What there is to be sent and received now; a reset is an end like any other. */
static void move(talk *t)
{
    char piece[64 << 10];
    ssize_t moved;

    while (t->sent < SIZE) {
        moved = send(t->outer[0], bytes + t->sent, SIZE - t->sent, MSG_NOSIGNAL);
        if (moved <= 0)
            break;
        t->sent += (size_t)moved;
    }
    if (t->sent == SIZE && !t->shut[0])
        t->shut[0] = shutdown(t->outer[0], SHUT_WR) == 0;
    while ((moved = recv(t->outer[1], piece, sizeof piece, 0)) > 0) {
        if ((size_t)moved > SIZE - t->got || memcmp(bytes + t->got, piece, (size_t)moved) != 0)
            t->damaged = true;
        else
            t->got += (size_t)moved;
    }
    t->over[1] = t->over[1] || moved == 0 || errno != EAGAIN;
    if (t->over[1] && !t->shut[1])
        t->shut[1] = shutdown(t->outer[1], SHUT_WR) == 0 || errno == ENOTCONN;
    moved = recv(t->outer[0], piece, sizeof piece, 0);
    t->over[0] = t->over[0] || moved == 0 || errno != EAGAIN;
}

static void run(talk *t)
{
    torc_time until = torc_time_add(torc_monotonic_now(), TORTURE_PATIENCE);

    for (int turns = 0; t->lost < t->made || !t->over[0] || !t->over[1]; turns++) {
        if (turns > TURNS_MAX)
            fail_msg("%s: the loop spins", torture_fault());
        if (torc_monotonic_now() > until)
            fail_msg("%s: the coupling neither goes on nor ends: %zu sent, %zu received, %d lost",
                torture_fault(), t->sent, t->got, t->lost);
        torc_iterate(t->reactor, 2 * TORC_MILLISECOND);
        move(t);
    }
}

static void talk_once(talk *t)
{
    torc_reactor *reactor = t->reactor;

    memset(t, 0, sizeof *t);
    t->reactor = reactor;
    torture_pause(true);
    t->scope = torc_scope_new(torc_root(reactor));
    torture_pause(false);
    open_pair(t, 0);
    open_pair(t, 1);
    adopt(t, 0);
    adopt(t, 1);
    torture_run_until(reactor, &t->answered, 2);
    if (t->ends[0] != NULL && t->ends[1] != NULL)
        t->coupled = torc_couple(t->ends[0], t->ends[1]) != NULL;
    if (t->coupled)
        run(t);
    torc_scope_end(t->scope);
    torture_run_until(reactor, &t->lost, t->made);
    torc_iterate(reactor, 0);
    for (int i = 0; i < 2; i++) {
        close_if_left(t, i);
        close(t->outer[i]);
    }
    assert_int_equal(t->lost, t->made);
    assert_false(t->damaged);
}

static void assert_whole(const talk *t)
{
    if (!t->coupled || t->got != SIZE)
        fail_msg("%s: coupled: %d, %zu of %d bytes", torture_fault(), t->coupled, t->got, SIZE);
}

static void couple(void *driver)
{
    torc_failure *failure = NULL;
    talk t = { .reactor = torc_reactor_new_named(driver, &failure) };

    if (t.reactor == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return;
    }
    talk_once(&t);
    if (torture_is_passing())
        assert_whole(&t);
    torture_over();
    talk_once(&t);
    assert_whole(&t);
    torc_reactor_free(t.reactor);
}

static void a_coupling_survives_each_fault_on_every_driver(void **state)
{
    (void)state;
    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        if (driver_works(torc_driver_name(i)))
            torture(couple, (void *)(uintptr_t)torc_driver_name(i));
}

/* -- a device ------------------------------------------------------------------------------ */

typedef struct visit {
    torc_tun *device;
    int opened; /* 1 it is open, 2 it is not */
    int packets;
} visit;

static torc_result note_opened(void *self, torc_result result)
{
    const torc_failure *failure = torc_is_failure(result) ? torc_result_failure(result) : NULL;

    ((visit *)self)->opened = failure != NULL ? 2 : 1;
    if (failure != NULL && !torc_failure_is(failure, &torc_error_out_of_memory)
        && strstr(torc_failure_text(failure), "network device") == NULL)
        fail_msg("%s: the failure does not say of what: %s", torture_fault(),
            torc_failure_text(failure));
    return torc_nothing();
}

static void swap(char *one, char *other, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char kept = one[i];

        one[i] = other[i];
        other[i] = kept;
    }
}

/* Turned round, a packet is its own answer. */
static void answer_packet(void *self, torc_slice packet)
{
    visit *v = self;
    char answer[256];
    size_t header;

    if (packet.length < 28 || packet.length > sizeof answer
        || (unsigned char)packet.data[0] >> 4 != 4)
        return;
    v->packets++;
    memcpy(answer, packet.data, packet.length);
    header = ((size_t)answer[0] & 15) * 4;
    swap(answer + 12, answer + 16, 4);
    swap(answer + header, answer + header + 2, 2);
    torc_tun_send(v->device, torc_slice_make(answer, packet.length));
}

static int open_talker(void)
{
    struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(7) };
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, "10.9.0.2", &peer.sin_addr);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&peer, sizeof peer), 0);
    return descriptor;
}

/* Asks until there is an answer, as one has to, or the device has stopped for the fault. */
static bool is_answered(torc_reactor *reactor, visit *v)
{
    torc_time until = torc_time_add(torc_monotonic_now(), TORTURE_PATIENCE);
    int talker = open_talker();
    bool answered = false;
    char answer[16];

    for (int turns = 0; !answered && torc_tun_transport(v->device) != NULL; turns++) {
        if (turns > TURNS_MAX || torc_monotonic_now() > until)
            fail_msg("%s: no answer comes", torture_fault());
        (void)!send(talker, "hello", 5, 0);
        torc_iterate(reactor, 2 * TORC_MILLISECOND);
        answered = recv(talker, answer, sizeof answer, 0) == 5;
    }
    close(talker);
    return answered;
}

static bool visit_once(torc_reactor *reactor)
{
    const char *const addresses[] = { "10.9.0.1/24", NULL };
    torc_tun_options options = { .name = "torc0", .mtu = 1400, .addresses = addresses };
    visit v = { .opened = 0 };
    bool answered = false;
    torc_deferred *opened;
    torc_scope *scope;

    torture_pause(true);
    scope = torc_scope_new(torc_root(reactor));
    pause_system_call_failures(false);
    v.device = torc_tun_open_with(scope, &options, answer_packet, &v);
    opened = torc_tun_opened(v.device);
    torture_pause(false);
    torc_add_both(opened, note_opened, &v);
    torture_run_until(reactor, &v.opened, 1);
    if (v.opened == 1)
        answered = is_answered(reactor, &v);
    torc_scope_end(scope);
    for (int i = 0; i < 3; i++)
        torc_iterate(reactor, 0);
    return answered;
}

static void use_device(void *driver)
{
    torc_failure *failure = NULL;
    torc_reactor *reactor = torc_reactor_new_named(driver, &failure);

    if (reactor == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return;
    }
    (void)visit_once(reactor);
    torture_over();
    if (!visit_once(reactor))
        fail_msg("%s: no device once it was over", torture_fault());
    torc_reactor_free(reactor);
}

static bool carries_datagrams(const char *driver)
{
    torc_reactor *reactor = torc_reactor_new_named(driver, NULL);
    bool carries = reactor != NULL && reactor->driver->kind->adopt_datagrams != NULL;

    torc_reactor_free(reactor);
    return carries;
}

static void a_device_survives_each_fault_on_every_driver(void **state)
{
    (void)state;
    if (access("/dev/net/tun", F_OK) != 0 || unshare(CLONE_NEWNET) != 0) {
        printf("left out: devices take root, network namespaces and /dev/net/tun\n");
        skip();
    }
    for (size_t i = 0; torc_driver_name(i) != NULL; i++)
        if (driver_works(torc_driver_name(i)) && carries_datagrams(torc_driver_name(i)))
            torture(use_device, (void *)(uintptr_t)torc_driver_name(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_coupling_survives_each_fault_on_every_driver),
        cmocka_unit_test(a_device_survives_each_fault_on_every_driver),
    };

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
