/*
 * TLS while OpenSSL itself finds no memory: a handshake, bytes both ways and a clean end, repeated
 * with allocations of OpenSSL failing in turn: each of a handshake that goes on with a session, and
 * some of what has thousands. Each time both ends must come to their end, say so when they have not
 * heard everything, leave nothing behind, and work once there is memory.
 *
 * A program of its own, because OpenSSL takes other functions for memory only before it has used
 * any. What of OpenSSL's is made once for all is made before: it is not asked for again.
 */
#include "tls/context.h"

#include "tls/in_memory.h"

#include <openssl/crypto.h>
#include <sys/stat.h>

#if defined(__GNUC__)
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
# define LEAKS() \
    (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
#else
# define LEAKS() false
#endif

/* Looking for leaks stops the process for a while: not after each run. */
enum { RUNS_BETWEEN_LEAK_CHECKS = 200, ALLOCATIONS_MAX = 60000, MAKING_STEP = 151 };

/* -- failing --------------------------------------------------------------------------------- */

static bool watching;
static unsigned counted;
static unsigned failing_at;
static char failed_where[160];

static bool fails(const char *file, int line)
{
    if (!watching || counted++ != failing_at)
        return false;
    snprintf(failed_where, sizeof failed_where, "allocation %u, %s:%d", failing_at, file, line);
    return true;
}

static void *allocate(size_t size, const char *file, int line)
{
    return fails(file, line) ? NULL : malloc(size);
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
    return fails(file, line) ? NULL : realloc(old, size);
}

static void release(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

static void fail_at(unsigned number)
{
    watching = true;
    counted = 0;
    failing_at = number;
    failed_where[0] = '\0';
}

/* -- the conversation ------------------------------------------------------------------------ */

enum { SAID = 20000 }; /* more than a record */

typedef struct talker {
    torc_protocol protocol;
    size_t heard;
} talker;

static char words[SAID];
static torc_tls *of_server;
static torc_tls *of_client;
static size_t client_heard;
static bool damaged;
static bool asks_for_everything; /* a protocol, and who the client is */
static bool has_everything;
static bool client_done;
static bool server_done;

static void note_words(talker *self, torc_slice data)
{
    damaged = damaged || data.length > SAID - self->heard
        || memcmp(words + self->heard, data.data, data.length) != 0;
    self->heard += data.length;
}

static void caller_made(torc_protocol *protocol)
{
    torc_add_errback(
        torc_start_tls(protocol, of_client, "localhost"), note_start_failed, NULL);
    torc_write_static(protocol->transport, torc_slice_make(words, SAID));
}

static void caller_data(torc_protocol *protocol, torc_slice data)
{
    talker *self = torc_of(protocol, talker);

    note_words(self, data);
    client_heard = self->heard;
    if (self->heard == SAID)
        torc_lose_connection(protocol->transport);
}

static void caller_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    snprintf(client_lost, sizeof client_lost, "%s", torc_failure_text(reason));
    client_done = torc_failure_type_of(reason) == &torc_error_connection_done;
}

static void answerer_made(torc_protocol *protocol)
{
    torc_add_errback(torc_start_tls(protocol, of_server, NULL), note_failed, NULL);
}

static void note_facts(const torc_protocol *protocol)
{
    torc_tls_info info;

    has_everything = torc_tls_of(protocol->transport, &info) && info.verified
        && torc_slice_is(info.alpn, "talk");
}

static void answerer_data(torc_protocol *protocol, torc_slice data)
{
    if (asks_for_everything)
        note_facts(protocol);
    note_words(torc_of(protocol, talker), data);
    torc_write(protocol->transport, data);
}

static void answerer_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    snprintf(server_lost, sizeof server_lost, "%s", torc_failure_text(reason));
    server_done = torc_failure_type_of(reason) == &torc_error_connection_done;
}

static const torc_protocol_class caller = {
    .name = "Caller",
    .size = sizeof(talker),
    .connection_made = caller_made,
    .data_received = caller_data,
    .connection_lost = caller_lost,
};

static const torc_protocol_class answerer = {
    .name = "Answerer",
    .size = sizeof(talker),
    .connection_made = answerer_made,
    .data_received = answerer_data,
    .connection_lost = answerer_lost,
};

static void converse(void)
{
    torc_time deadline = torc_monotonic_now() + 10 * TORC_SECOND;

    client_lost[0] = server_lost[0] = '\0';
    client_heard = 0;
    damaged = false;
    assert_true(torc_connect_in_memory(
        torc_root(reactor), torc_factory_of(&answerer), torc_factory_of(&caller)));
    while ((client_lost[0] == '\0' || server_lost[0] == '\0') && torc_monotonic_now() < deadline)
        torc_iterate(reactor, 10 * TORC_MILLISECOND);
}

static void assert_ended(void)
{
    if (client_lost[0] == '\0' || server_lost[0] == '\0')
        fail_msg("%s: the client ends by '%s', the server by '%s': one has not ended", failed_where,
            client_lost, server_lost);
    if (damaged)
        fail_msg("%s: other bytes came than were sent", failed_where);
    if (client_done && client_heard < SAID)
        fail_msg("%s: the client takes %zu bytes for the whole", failed_where, client_heard);
}

static void assert_whole(void)
{
    assert_ended();
    if (!client_done || !server_done || client_heard != SAID)
        fail_msg("after %s: the client heard %zu bytes, and then '%s'; the server '%s'",
            failed_where, client_heard, client_lost, server_lost);
}

/* -- the torture ----------------------------------------------------------------------------- */

static void look_for_leaks(void)
{
    static unsigned runs;

    if (++runs % RUNS_BETWEEN_LEAK_CHECKS == 0 && LEAKS())
        fail_msg("%s, or one before it: memory is leaked", failed_where);
}

/* Each allocation, or every so many, of a conversation. */
static void torture(unsigned step)
{
    for (unsigned number = 0; number < ALLOCATIONS_MAX; number += step) {
        fail_at(number);
        converse();
        watching = false;
        assert_ended();
        if (failed_where[0] == '\0') {
            assert_whole();
            return;
        }
        look_for_leaks();
    }
    fail_msg("a conversation of more than %d allocations", ALLOCATIONS_MAX);
}

static void torture_of(bool resumes, int version, unsigned step)
{
    of_server = server_by(&(torc_tls_options){ 0 });
    of_client = client_by(&(torc_tls_options){ .no_resumption = !resumes });
    SSL_CTX_set_max_proto_version(of_client->context, version);
    converse(); /* makes what OpenSSL makes once */
    assert_whole();
    torture(step);
    converse();
    assert_whole();
    torc_tls_release(of_server);
    torc_tls_release(of_client);
}

/* Of three, one: there are three thousand, and each comes many times. */
static void a_full_handshake_of_tls_1_3(void **state)
{
    (void)state;
    torture_of(false, TLS1_3_VERSION, 3);
}

static void a_handshake_that_goes_on_with_a_session(void **state)
{
    (void)state;
    torture_of(true, TLS1_3_VERSION, 1);
}

/* Most of it is the same code. */
static void a_full_handshake_of_tls_1_2(void **state)
{
    (void)state;
    torture_of(false, TLS1_2_VERSION, 5);
}

/* -- configurations -------------------------------------------------------------------------- */

typedef torc_tls *make_one(torc_failure **reterr_failure);

static torc_tls *make_server(torc_failure **reterr_failure)
{
    return torc_tls_server_new(&(torc_tls_options){ .certificate = path_of("good.pem"),
        .chain = path_of("authority.pem"), .authorities = path_of("authority.pem"),
        .clients = TORC_TLS_CLIENTS_REQUEST, .alpn = "talk" }, reterr_failure);
}

static torc_tls *make_server_of_many(torc_failure **reterr_failure)
{
    return torc_tls_server_new(&(torc_tls_options){ .certificates = path_of("site.d"),
        .authorities = path_of("authority.pem"), .clients = TORC_TLS_CLIENTS_REQUEST,
        .alpn = "talk" }, reterr_failure);
}

static torc_tls *make_client(torc_failure **reterr_failure)
{
    return torc_tls_client_new(&(torc_tls_options){ .certificate = path_of("client.pem"),
        .authorities = path_of("authority.pem"), .alpn = "talk", .no_resumption = true },
        reterr_failure);
}

/*
 * OpenSSL leaves out algorithms that it had no memory to look for, so that one which was made
 * although memory was out may suit nobody. Where it does suit, it must be what was asked for.
 */
static void assert_nothing_left_out(void)
{
    asks_for_everything = true;
    converse();
    asks_for_everything = false;
    assert_ended();
    if (client_done && !has_everything)
        fail_msg("%s: the protocol or the client's certificate is missing", failed_where);
    if (failed_where[0] == '\0')
        assert_whole();
}

/* Every so many: there are thousands, nearly all of them OpenSSL's looking for algorithms. */
static void torture_making(make_one *make, torc_tls **place)
{
    for (unsigned number = 0; number < ALLOCATIONS_MAX; number += MAKING_STEP) {
        torc_failure *failure = NULL;

        fail_at(number);
        *place = make(&failure);
        watching = false;
        if (*place != NULL)
            assert_nothing_left_out();
        else if (failed_where[0] == '\0' || torc_failure_text(failure)[0] == '\0')
            fail_msg("%s: there is no configuration, and no reason", failed_where);
        torc_failure_release(failure);
        torc_tls_release(*place);
        look_for_leaks();
        if (failed_where[0] == '\0')
            return;
    }
    fail_msg("a configuration of more than %d allocations", ALLOCATIONS_MAX);
}

static void making_a_server(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    of_client = make_client(&failure);
    torture_making(make_server, &of_server);
    torc_tls_release(of_client);
}

static void making_a_server_of_many_certificates(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    assert_int_equal(mkdir(path_of("site.d"), 0700), 0);
    make_file("site.d/a.pem", "other", "DNS:other.example", -DAY, DAY);
    make_file("site.d/b.pem", "localhost", "DNS:localhost", -DAY, DAY);
    of_client = make_client(&failure);
    torture_making(make_server_of_many, &of_server);
    torc_tls_release(of_client);
}

static void making_a_client(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    of_server = make_server(&failure);
    torture_making(make_client, &of_client);
    torc_tls_release(of_server);
}

/* -- all ------------------------------------------------------------------------------------- */

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void hush(void *unused, const torc_log_event *event)
{
    (void)unused;
    (void)event;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(a_full_handshake_of_tls_1_3),
        ONE(a_handshake_that_goes_on_with_a_session),
        ONE(a_full_handshake_of_tls_1_2),
        ONE(making_a_server),
        ONE(making_a_server_of_many_certificates),
        ONE(making_a_client),
    };

    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1) {
        print_error("this OpenSSL takes no other functions for memory\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof words; i++)
        words[i] = (char)(i * 7 + i / 251);
    torc_log_add_observer(TORC_LOG_DEBUG, hush, NULL);
    cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
