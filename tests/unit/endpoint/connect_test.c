/*
 * Connecting: to addresses, names, paths and descriptors; how it fails; how it is stopped at each
 * stage. With real sockets, on each driver. The reactor's resolver asks the system, and that is
 * this file's own getaddrinfo, so that a look-up gives what a test wants, when it wants. How names
 * are looked up in the loop is names_test.c.
 */
#include "endpoint/harness.h"

#include "names/system_lookup.h"
#include "support/failing_allocation.h"

#include <torc/names.h>

#include <netdb.h>
#include <pthread.h>

/* -- a resolver of our own ----------------------------------------------------------------- */

static pthread_mutex_t resolver_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t resolver_moved = PTHREAD_COND_INITIALIZER;
static bool resolver_holds;    /* look-ups wait */
static int resolver_waiting;
static int resolver_most;      /* that waited at once */
static int resolver_done;

static struct addrinfo *one_address(const char *host, struct addrinfo *next)
{
    struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)(void *)(info + 1);

    address->sin_family = AF_INET;
    inet_pton(AF_INET, host, &address->sin_addr);
    info->ai_family = AF_INET;
    info->ai_addr = (struct sockaddr *)address;
    info->ai_addrlen = sizeof(*address);
    info->ai_next = next;
    return info;
}

/* One more than are kept; somebody listens at the last alone. */
static struct addrinfo *many_addresses(void)
{
    struct addrinfo *list = one_address("127.0.0.1", NULL);

    for (int i = 0; i < TORC_HOST_ADDRESSES_MAX; i++) {
        char host[16];

        snprintf(host, sizeof(host), "127.0.2.%d", i);
        list = one_address(host, list);
    }
    return list;
}

int getaddrinfo(const char *restrict host, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    (void)service;
    (void)hints;
    pthread_mutex_lock(&resolver_lock);
    resolver_waiting++;
    if (resolver_waiting > resolver_most)
        resolver_most = resolver_waiting;
    while (resolver_holds)
        pthread_cond_wait(&resolver_moved, &resolver_lock);
    resolver_waiting--;
    resolver_done++;
    pthread_mutex_unlock(&resolver_lock);

    if (strcmp(host, "one.test") == 0 || strstr(host, ".one.test") != NULL)
        *found = one_address("127.0.0.1", NULL);
    else if (strcmp(host, "two.test") == 0)
        *found = one_address("127.0.0.2", one_address("127.0.0.1", NULL));
    else if (strcmp(host, "none.test") == 0)
        *found = NULL;
    else if (strcmp(host, "many.test") == 0)
        *found = many_addresses();
    else if (strcmp(host, "silent.test") == 0)
        return EAI_AGAIN;
    else if (strcmp(host, "poor.test") == 0)
        return EAI_MEMORY;
    else
        return EAI_NONAME;
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;

        free(info);
        info = next;
    }
}

static int resolver_number(const int *which)
{
    int number;

    pthread_mutex_lock(&resolver_lock);
    number = *which;
    pthread_mutex_unlock(&resolver_lock);
    return number;
}

/* Lets the loop turn until the number is as told. */
static void run_until_resolver(const int *which, int value)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (resolver_number(which) != value) {
        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, TORC_MILLISECOND);
    }
}

static void hold_resolver(bool hold)
{
    pthread_mutex_lock(&resolver_lock);
    resolver_holds = hold;
    pthread_cond_broadcast(&resolver_moved);
    pthread_mutex_unlock(&resolver_lock);
}

static int set_up_resolver(void **state)
{
    resolver_most = 0;
    resolver_done = 0;
    if (set_up(state) != 0)
        return -1;
    torc_use_resolver(reactor,
        torc_resolver_new(torc_root(reactor), &(torc_resolver_options){ .nss = true }));
    return 0;
}

/* -- helpers ------------------------------------------------------------------------------- */

static int server;
static uint16_t server_port;

static void open_server(int backlog)
{
    server = plain_listen(backlog, &server_port);
}

static const char *to_server(const char *format)
{
    static char text[160];

    snprintf(text, sizeof(text), "%s", format);
    snprintf(text + strlen(text), sizeof(text) - strlen(text), ":port=%u", server_port);
    return text;
}

static torc_deferred *start(const char *description, outcome *ret_outcome)
{
    torc_deferred *deferred = torc_connect(scope, description, counters());

    watch_outcome(deferred, ret_outcome);
    assert_int_equal(ret_outcome->fired, 0);
    return deferred;
}

static void assert_connects(const char *description)
{
    outcome connected;

    start(description, &connected);
    assert_succeeded(&connected);
    assert_int_equal(count.made, 1);
    assert_ptr_equal(((torc_protocol *)connected.pointer)->kind, &counter_class);
}

/* Who looks the same name up shares the look-up. */
static const char *numbered(int number, const char *name)
{
    static char text[64];

    snprintf(text, sizeof(text), "tcp:%d.%s:80", number, name);
    return text;
}

/* A server that answers no more connections: its queue is full. */
static void open_deaf_server(int fillers[2])
{
    open_server(0);
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(server_port) };

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
}

static void close_deaf_server(const int fillers[2])
{
    close(fillers[0]);
    close(fillers[1]);
    close(server);
}

/* -- where to ------------------------------------------------------------------------------ */

static void a_numeric_address_is_connected_to(void **state)
{
    int accepted;

    (void)state;
    open_server(5);
    assert_connects(to_server("tcp:127.0.0.1"));
    accepted = accept(server, NULL, NULL);
    assert_true(accepted >= 0);
    close(accepted);
    close(server);
    run_until(&count.lost, 1);
    run_until(&count.released, 1);
}

static void a_unix_path_is_connected_to(void **state)
{
    (void)state;
    server = plain_unix(path_of("socket"), true);
    {
        char text[128];

        snprintf(text, sizeof(text), "unix:%s", path_of("socket"));
        assert_connects(text);
    }
    close(server);
    unlink(path_of("socket"));
}

static void a_full_queue_of_a_unix_path_is_waited_for(void **state)
{
    char text[128];
    int filler;
    outcome connected;

    (void)state;
    server = plain_unix(path_of("socket"), true);
    assert_int_equal(listen(server, 0), 0);
    filler = plain_unix(path_of("socket"), false);
    snprintf(text, sizeof(text), "unix:%s:timeout=5", path_of("socket"));
    start(text, &connected);
    run_turns(5);
    assert_int_equal(connected.fired, 0);
    close(accept(server, NULL, NULL));
    assert_succeeded(&connected);
    close(filler);
    close(server);
    unlink(path_of("socket"));
}

static void a_name_is_looked_up(void **state)
{
    (void)state;
    open_server(5);
    assert_connects(to_server("tcp:one.test"));
    close(server);
}

static void all_addresses_of_a_name_are_tried(void **state)
{
    (void)state;
    open_server(5);
    assert_connects(to_server("tcp:two.test"));
    close(server);
}

static void an_inherited_connection_is_taken_over(void **state)
{
    int ends[2];
    char text[32];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    snprintf(text, sizeof(text), "fd:%d", ends[0]);
    assert_connects(text);
    assert_true((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    close(ends[1]);
    run_until(&count.lost, 1);
}

static void the_local_address_is_as_asked_for(void **state)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    int accepted;

    (void)state;
    open_server(5);
    assert_connects(to_server("tcp:127.0.0.1:bindAddress=127.0.0.9"));
    accepted = accept(server, (struct sockaddr *)&peer, &size);
    assert_int_equal(ntohl(peer.sin_addr.s_addr), 0x7f000009);
    close(accepted);
    close(server);
}

/* -- failures ------------------------------------------------------------------------------ */

static void refusal_names_the_endpoint(void **state)
{
    outcome connected;
    char expected[128];

    (void)state;
    open_server(1);
    close(server);
    start(to_server("tcp:127.0.0.1"), &connected);
    snprintf(expected, sizeof(expected), "cannot connect to %s: Connection refused",
        to_server("tcp:127.0.0.1"));
    assert_failed(&connected, &torc_error_refused, expected);
    assert_int_equal(count.made, 0);
    assert_int_equal(count.released, 1);
}

static void when_all_addresses_fail_each_is_told(void **state)
{
    outcome connected;

    (void)state;
    open_server(1);
    close(server);
    start(to_server("tcp:two.test"), &connected);
    run_until(&connected.fired, 1);
    assert_non_null(strstr(torc_failure_text(connected.failure), "at 127.0.0.1:"));
    assert_non_null(
        strstr(torc_failure_text(torc_failure_cause(connected.failure)), "at 127.0.0.2:"));
    assert_failed(&connected, &torc_error_refused, "tcp:two.test");
}

static void an_unknown_name_says_so(void **state)
{
    outcome connected;

    (void)state;
    start("tcp:nobody.test:80", &connected);
    assert_failed(&connected, &torc_error_unknown_host, "tcp:nobody.test:80");
    start("tcp:none.test:80", &connected);
    assert_failed(&connected, &torc_error_unknown_host, "no address for none.test");
}

static void a_look_up_that_fails_for_now_says_why(void **state)
{
    outcome connected;

    (void)state;
    start("tcp:silent.test:80", &connected);
    assert_failed(&connected, &torc_error_unknown_host, "do not answer; try again later");
    start("tcp:poor.test:80", &connected);
    assert_failed(&connected, &torc_error_unknown_host, "want of memory or files");
}

static void of_many_addresses_so_many_are_tried_as_are_kept(void **state)
{
    outcome connected;

    (void)state;
    open_server(5);
    start(to_server("tcp:many.test"), &connected);
    assert_failed(&connected, &torc_error_refused, "127.0.2.31");
}

static void a_path_that_is_not_there_is_refused(void **state)
{
    outcome connected;

    (void)state;
    start("unix:/nonexistent/socket", &connected);
    assert_failed(&connected, &torc_error_refused, "No such file or directory");
}

static void a_local_address_of_others_cannot_be_had(void **state)
{
    outcome connected;

    (void)state;
    start("tcp:127.0.0.1:80:bindAddress=192.0.2.1", &connected);
    assert_failed(&connected, &torc_error_bind, "from 192.0.2.1");
}

static void what_is_no_connection_is_not_adopted(void **state)
{
    int ends[2];
    char text[32];
    outcome connected;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    snprintf(text, sizeof(text), "fd:%d", ends[0]);
    start(text, &connected);
    assert_failed(&connected, &torc_error_connect, "Socket operation on non-socket");
    assert_int_equal(close(ends[0]), 0);
    close(ends[1]);
    start(text, &connected);
    assert_failed(&connected, &torc_error_connect, "Bad file descriptor");
}

static void a_bad_description_fails_the_deferred(void **state)
{
    outcome connected;

    (void)state;
    start("tcp:80", &connected);
    assert_failed(&connected, &torc_error_invalid_argument, "tcp:80: host must be");
    assert_int_equal(count.released, 1);
}

static void silence_ends_with_the_timeout(void **state)
{
    int fillers[2];
    outcome connected;

    (void)state;
    open_deaf_server(fillers);
    start(to_server("tcp:127.0.0.1:timeout=0.05"), &connected);
    assert_failed(&connected, &torc_error_connect_timed_out, "no answer within 0.05 s");
    assert_int_equal(count.released, 1);
    close_deaf_server(fillers);
}

static void a_look_up_counts_towards_the_timeout(void **state)
{
    outcome connected;

    (void)state;
    hold_resolver(true);
    start("tcp:one.test:80:timeout=0.05", &connected);
    assert_failed(&connected, &torc_error_connect_timed_out, "no answer within 0.05 s");
    hold_resolver(false);
    run_until_resolver(&resolver_waiting, 0);
    run_turns(3);
}

/* -- stopping ------------------------------------------------------------------------------ */

static void cancelling_before_the_first_turn_connects_nothing(void **state)
{
    outcome connected;

    (void)state;
    open_server(5);
    torc_cancel(start(to_server("tcp:127.0.0.1"), &connected));
    assert_failed(&connected, &torc_error_cancelled, "");
    run_turns(3);
    fcntl(server, F_SETFL, O_NONBLOCK);
    assert_int_equal(accept(server, NULL, NULL), -1);
    assert_int_equal(count.released, 1);
    close(server);
}

static void cancelling_stops_the_attempt(void **state)
{
    int fillers[2];
    outcome connected;
    torc_deferred *deferred;

    (void)state;
    open_deaf_server(fillers);
    deferred = start(to_server("tcp:127.0.0.1"), &connected);
    run_turns(3);
    torc_cancel(deferred);
    assert_failed(&connected, &torc_error_cancelled, "");
    run_turns(2);
    assert_int_equal(count.made, 0);
    assert_int_equal(count.released, 1);
    close_deaf_server(fillers);
}

static void cancelling_disowns_the_look_up(void **state)
{
    outcome connected;
    torc_deferred *deferred;

    (void)state;
    hold_resolver(true);
    deferred = start("tcp:one.test:80", &connected);
    run_until_resolver(&resolver_waiting, 1);
    torc_cancel(deferred);
    assert_failed(&connected, &torc_error_cancelled, "");
    hold_resolver(false);
    run_until_resolver(&resolver_done, 1);
    run_turns(3);
    assert_int_equal(count.made, 0);
}

static void the_end_of_the_scope_stops_every_stage_in_silence(void **state)
{
    int fillers[2];
    outcome told[3];

    (void)state;
    open_deaf_server(fillers);
    hold_resolver(true);
    start(to_server("tcp:127.0.0.1"), &told[0]);
    start("tcp:one.test:80", &told[1]);
    run_until_resolver(&resolver_waiting, 1);
    start("tcp:127.0.0.1:1", &told[2]);
    torc_scope_end(scope);
    hold_resolver(false);
    run_until_resolver(&resolver_done, 1);
    run_turns(3);
    assert_int_equal(told[0].fired + told[1].fired + told[2].fired, 0);
    assert_int_equal(count.released, 3);
    close_deaf_server(fillers);
}

static void a_reactor_may_go_while_a_look_up_runs(void **state)
{
    outcome connected;

    (void)state;
    hold_resolver(true);
    start("tcp:one.test:80", &connected);
    run_until_resolver(&resolver_waiting, 1);
    torc_reactor_free(reactor);
    hold_resolver(false);
    reactor = torc_reactor_new_named(driver_name, NULL);
    run_until_resolver(&resolver_done, 1);
    assert_int_equal(connected.fired, 0);
    assert_int_equal(count.released, 1);
}

static void a_reactor_may_go_while_look_ups_stand_in_line(void **state)
{
    enum { MANY = TORC__SYSTEM_THREADS + 2 };
    outcome told[MANY];

    (void)state;
    hold_resolver(true);
    for (int i = 0; i < MANY; i++)
        start(numbered(i, "one.test"), &told[i]);
    run_until_resolver(&resolver_waiting, TORC__SYSTEM_THREADS);
    torc_reactor_free(reactor);
    hold_resolver(false);
    reactor = torc_reactor_new_named(driver_name, NULL);
    run_until_resolver(&resolver_done, TORC__SYSTEM_THREADS);
    assert_int_equal(count.released, MANY);
}

static void nothing_connects_in_a_scope_that_has_ended(void **state)
{
    outcome connected;

    (void)state;
    torc_scope_end(scope);
    watch_outcome(torc_connect(scope, "tcp:127.0.0.1:1", counters()), &connected);
    assert_failed(&connected, &torc_error_cancelled, "");
    assert_int_equal(count.released, 1);
}

static void abort_inside(torc_protocol *self)
{
    torc_abort_connection(self->transport);
}

static void ending_inside_connection_made_is_told_after_it(void **state)
{
    outcome connected;

    (void)state;
    open_server(5);
    when_made = abort_inside;
    start(to_server("tcp:127.0.0.1"), &connected);
    assert_succeeded(&connected);
    run_until(&count.lost, 1);
    close(server);
}

static void end_scope_inside(torc_protocol *self)
{
    (void)self;
    torc_scope_end(scope);
}

static void the_scope_may_end_inside_connection_made(void **state)
{
    outcome connected;

    (void)state;
    open_server(5);
    when_made = end_scope_inside;
    start(to_server("tcp:127.0.0.1"), &connected);
    run_until(&count.released, 1);
    assert_int_equal(connected.fired, 0);
    close(server);
}

static torc_deferred *deferred_to_cancel;

static void cancel_inside(torc_protocol *self)
{
    (void)self;
    torc_cancel(deferred_to_cancel);
}

static void cancelling_inside_connection_made_ends_the_connection(void **state)
{
    outcome connected;

    (void)state;
    open_server(5);
    when_made = cancel_inside;
    deferred_to_cancel = start(to_server("tcp:127.0.0.1"), &connected);
    assert_failed(&connected, &torc_error_cancelled, "");
    run_until(&count.lost, 1);
    run_until(&count.released, 1);
    close(server);
}

/* -- out of memory ------------------------------------------------------------------------- */

static bool survives_failing_allocation(unsigned int number)
{
    outcome connected;
    bool failed;

    start(to_server("tcp:127.0.0.1"), &connected);
    fail_allocation_after(number);
    run_until(&connected.fired, 1);
    run_turns(3);
    failed = an_allocation_failed();
    allow_allocations();
    if (connected.failure == NULL)
        return failed;
    assert_true(torc_failure_is(connected.failure, &torc_error_connect) ||
        torc_failure_is(connected.failure, &torc_error_out_of_memory));
    torc_failure_release(connected.failure);
    return failed;
}

static void each_allocation_may_fail(void **state)
{
    unsigned int number = 0;

    (void)state;
    open_server(50);
    while (survives_failing_allocation(number))
        number++;
    assert_true(number > 0);
    close(server);
}

/* -- look-ups ------------------------------------------------------------------------------ */

static void look_ups_run_side_by_side_within_a_bound(void **state)
{
    enum { MANY = 40, CANCELLED = 10 };
    outcome told[MANY];
    torc_deferred *deferreds[MANY];

    (void)state;
    hold_resolver(true);
    for (int i = 0; i < MANY; i++)
        deferreds[i] = start(numbered(i, "nobody.test"), &told[i]);
    run_until_resolver(&resolver_waiting, 16);
    run_turns(5);
    /* The last are still in line, and never run. */
    for (int i = MANY - CANCELLED; i < MANY; i++) {
        torc_cancel(deferreds[i]);
        assert_failed(&told[i], &torc_error_cancelled, "");
    }
    hold_resolver(false);
    for (int i = 0; i < MANY - CANCELLED; i++)
        assert_failed(&told[i], &torc_error_unknown_host, "nobody.test");
    assert_int_equal(resolver_number(&resolver_most), 16);
    assert_int_equal(resolver_number(&resolver_done), MANY - CANCELLED);
}

static void who_connects_to_one_name_at_once_shares_the_look_up(void **state)
{
    outcome told[3];

    (void)state;
    open_server(5);
    for (int i = 0; i < 3; i++)
        start(to_server("tcp:one.test"), &told[i]);
    for (int i = 0; i < 3; i++)
        assert_succeeded(&told[i]);
    assert_int_equal(resolver_number(&resolver_done), 1);
    close(server);
}

static void the_environment_has_the_system_asked(void **state)
{
    (void)state;
    torc_use_resolver(reactor, NULL);
    setenv("TORC_RESOLVER", "nss", 1);
    open_server(5);
    assert_connects(to_server("tcp:one.test"));
    unsetenv("TORC_RESOLVER");
    assert_int_equal(resolver_number(&resolver_done), 1);
    close(server);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_resolver, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_numeric_address_is_connected_to),
        TEST(a_unix_path_is_connected_to),
        TEST(a_full_queue_of_a_unix_path_is_waited_for),
        TEST(a_name_is_looked_up),
        TEST(all_addresses_of_a_name_are_tried),
        TEST(an_inherited_connection_is_taken_over),
        TEST(the_local_address_is_as_asked_for),
        TEST(refusal_names_the_endpoint),
        TEST(when_all_addresses_fail_each_is_told),
        TEST(an_unknown_name_says_so),
        TEST(a_look_up_that_fails_for_now_says_why),
        TEST(of_many_addresses_so_many_are_tried_as_are_kept),
        TEST(a_path_that_is_not_there_is_refused),
        TEST(a_local_address_of_others_cannot_be_had),
        TEST(what_is_no_connection_is_not_adopted),
        TEST(a_bad_description_fails_the_deferred),
        TEST(silence_ends_with_the_timeout),
        TEST(a_look_up_counts_towards_the_timeout),
        TEST(cancelling_before_the_first_turn_connects_nothing),
        TEST(cancelling_stops_the_attempt),
        TEST(cancelling_disowns_the_look_up),
        TEST(the_end_of_the_scope_stops_every_stage_in_silence),
        TEST(a_reactor_may_go_while_a_look_up_runs),
        TEST(a_reactor_may_go_while_look_ups_stand_in_line),
        TEST(nothing_connects_in_a_scope_that_has_ended),
        TEST(ending_inside_connection_made_is_told_after_it),
        TEST(the_scope_may_end_inside_connection_made),
        TEST(cancelling_inside_connection_made_ends_the_connection),
        TEST(each_allocation_may_fail),
        TEST(look_ups_run_side_by_side_within_a_bound),
        TEST(who_connects_to_one_name_at_once_shares_the_look_up),
        TEST(the_environment_has_the_system_asked),
    };

    return run_endpoint_tests(tests);
}
