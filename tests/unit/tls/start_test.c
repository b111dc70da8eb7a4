/*
 * TLS in mid-stream, TLS on whatever carries bytes, and a peer that stops at any byte.
 *
 * The puppet is a client that is moved by the test: OpenSSL works on memory, and the test decides
 * which of its bytes go over the wire, and when.
 */
#include "tls/session.h"

#include "tls/ends.h"

#include <torc/line.h>

static torc_tls *server_tls;
static torc_tls *client_tls;
static char started[256]; /* what the deferred of torc_start_tls gave */

static torc_result note_started(void *unused, torc_result result)
{
    (void)unused;
    if (torc_is_failure(result))
        snprintf(started, sizeof started, "%s", torc_failure_text(torc_result_failure(result)));
    else
        snprintf(started, sizeof started, "done");
    return torc_nothing();
}

static void start(void *protocol, torc_tls *tls, const char *name)
{
    torc_add_both(torc_start_tls(protocol, tls, name), note_started, NULL);
}

static int set_up_both(void **state)
{
    torc_tls_options of_server = { .certificate = path_of("good.pem"),
        .handshake_limit = 500 * TORC_MILLISECOND };
    torc_tls_options of_client = { .authorities = path_of("authority.pem") };
    torc_failure *failure = NULL;

    set_up(state);
    started[0] = '\0';
    server_tls = torc_tls_server_new(&of_server, &failure);
    client_tls = torc_tls_client_new(&of_client, &failure);
    return server_tls == NULL || client_tls == NULL;
}

static int tear_down_both(void **state)
{
    tear_down(state);
    torc_tls_release(server_tls);
    torc_tls_release(client_tls);
    return 0;
}

/* -- a server of lines ----------------------------------------------------------------------- */

static torc_line_receiver *lines;
static char heard[512];
static bool starts_later; /* pauses, and the test starts TLS */

static void line_made(torc_protocol *protocol)
{
    lines = torc_of(protocol, torc_line_receiver);
    heard[0] = '\0';
}

static void begin_tls(torc_line_receiver *self)
{
    torc_line_send(self, TORC_SLICE("220 go ahead"));
    start(self, server_tls, NULL);
    torc_line_send(self, TORC_SLICE("250 welcome"));
}

static void line_received(torc_line_receiver *self, torc_slice line)
{
    size_t length = strlen(heard);

    snprintf(heard + length, sizeof heard - length, "%.*s;", TORC_FMT(line));
    if (!torc_slice_is(line, "STARTTLS"))
        return;
    if (starts_later)
        torc_pause_reading(self->protocol.transport);
    else
        begin_tls(self);
}

static void line_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    lines = NULL;
    snprintf(server_lost, sizeof server_lost, "%s", torc_failure_text(reason));
}

static const torc_line_class line_class = {
    .protocol = {
        .name = "Lines",
        .connection_made = line_made,
        .connection_lost = line_lost,
    },
    .line_received = line_received,
};

/* -- a client that starts when it is told to go ahead ------------------------------------------ */

static const char *client_begins = "STARTTLS\r\n";
static const char *client_name = "localhost";

static void polite_made(torc_protocol *protocol)
{
    client_made(protocol);
    torc_write(protocol->transport, torc_slice_of(client_begins));
}

static void polite_data(torc_protocol *protocol, torc_slice data)
{
    torc_tls_info info;

    end_data(protocol, data);
    if (torc_tls_of(protocol->transport, &info) || strstr(client->text, "220 go ahead\r\n") == NULL)
        return;
    /* All that is behind it must come by TLS. */
    assert_string_equal(client->text, "220 go ahead\r\n");
    torc_start_tls(protocol, client_tls, client_name);
    torc_write(protocol->transport, TORC_SLICE("GOOD\r\n"));
}

static const torc_protocol_class polite_class = {
    .name = "Polite",
    .size = sizeof(end),
    .connection_made = polite_made,
    .data_received = polite_data,
    .connection_lost = client_gone,
};

static void meet(void)
{
    heard[0] = '\0';
    lines = NULL;
    assert_true(torc_connect_in_memory(torc_root(reactor), torc_line_factory(&line_class),
        torc_factory_of(&polite_class)));
}

static void each_side_speaks_in_clear_and_then_by_tls(void **state)
{
    (void)state;
    meet();
    RUN_UNTIL(strcmp(heard, "STARTTLS;GOOD;") == 0 && client->length > 14);
    assert_string_equal(client->text, "220 go ahead\r\n250 welcome\r\n");
    assert_string_equal(started, "done");
}

static void commands_slipped_in_behind_starttls_are_thrown_away(void **state)
{
    (void)state;
    client_begins = "NOOP\r\nSTARTTLS\r\nEVIL\r\nEV";
    meet();
    RUN_UNTIL(strstr(heard, "GOOD;") != NULL);
    client_begins = "STARTTLS\r\n";
    assert_string_equal(heard, "NOOP;STARTTLS;GOOD;");
}

static void what_a_paused_receiver_keeps_is_thrown_away(void **state)
{
    (void)state;
    client_begins = "STARTTLS\r\nEVIL\r\n";
    starts_later = true;
    meet();
    RUN_UNTIL(strcmp(heard, "STARTTLS;") == 0);
    begin_tls(lines);
    torc_resume_reading(lines->protocol.transport);
    RUN_UNTIL(strstr(heard, "GOOD;") != NULL);
    starts_later = false;
    client_begins = "STARTTLS\r\n";
    assert_string_equal(heard, "STARTTLS;GOOD;");
}

static void what_was_written_before_leaves_in_clear_however_much(void **state)
{
    static char block[300000];
    torc_slice much = torc_slice_make(block, sizeof block);

    (void)state;
    client_begins = "";
    memset(block, 'x', sizeof block);
    meet();
    RUN_UNTIL(lines != NULL);
    torc_write_static(lines->protocol.transport, much);
    torc_write(lines->protocol.transport, much);
    start(lines, server_tls, NULL);
    torc_write(lines->protocol.transport, TORC_SLICE("hidden"));
    RUN_UNTIL(client->length == 2 * sizeof block);
    torc_start_tls(client, client_tls, "localhost");
    RUN_UNTIL(client->length == 2 * sizeof block + 6);
    client_begins = "STARTTLS\r\n";
}

static void a_handshake_that_fails_fails_the_deferred_and_the_connection(void **state)
{
    (void)state;
    client_name = "elsewhere.example";
    meet();
    RUN_UNTIL(client_lost[0] != '\0' && server_lost[0] != '\0');
    client_name = "localhost";
    assert_non_null(strstr(client_lost, "the certificate is not for elsewhere.example"));
    assert_string_equal(started, server_lost);
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    client_name = "";
    meet();
    RUN_UNTIL(client_lost[0] != '\0');
    client_name = "localhost";
    assert_non_null(strstr(client_lost, "'' is no name of a host"));
}

static void a_peer_that_does_not_begin_is_timed_out(void **state)
{
    (void)state;
    client_begins = "";
    meet();
    RUN_UNTIL(lines != NULL);
    start(lines, server_tls, NULL);
    RUN_UNTIL(server_lost[0] != '\0');
    client_begins = "STARTTLS\r\n";
    assert_string_equal(started, "the TLS handshake with the peer was not done within 0.5 s");
    assert_string_equal(server_lost, started);
}

static void cancelling_the_deferred_leaves_the_handshake(void **state)
{
    torc_deferred *deferred;

    (void)state;
    starts_later = true;
    meet();
    RUN_UNTIL(strcmp(heard, "STARTTLS;") == 0);
    starts_later = false;
    torc_line_send(lines, TORC_SLICE("220 go ahead"));
    deferred = torc_start_tls(lines, server_tls, NULL);
    torc_add_both(deferred, note_started, NULL);
    torc_cancel(deferred);
    torc_resume_reading(lines->protocol.transport);
    RUN_UNTIL(strstr(heard, "GOOD;") != NULL);
    assert_string_not_equal(started, "done");
}

static void a_closing_connection_has_no_tls(void **state)
{
    (void)state;
    client_begins = "";
    meet();
    RUN_UNTIL(lines != NULL);
    torc_lose_connection(lines->protocol.transport);
    start(lines, server_tls, NULL);
    assert_non_null(strstr(started, "the connection is closing"));
    RUN_UNTIL(server_lost[0] != '\0');
    client_begins = "STARTTLS\r\n";
}

static void a_scope_that_ends_in_the_handshake_ends_all(void **state)
{
    torc_scope *scope = torc_scope_new(torc_root(reactor));

    (void)state;
    for (unsigned turns = 0; turns < 12; turns++) {
        server_lost[0] = client_lost[0] = '\0';
        scope = torc_scope_new(torc_root(reactor));
        assert_true(torc_connect_in_memory(
            scope, torc_line_factory(&line_class), torc_factory_of(&polite_class)));
        for (unsigned i = 0; i < turns + 2; i++)
            torc_iterate(reactor, 0);
        torc_scope_end(scope);
        RUN_UNTIL(server_lost[0] != '\0' && client_lost[0] != '\0');
    }
}

/* A reactor that goes while a session still has bytes to send. */
static void a_reactor_that_goes_in_the_middle_of_closing(void **state)
{
    static char block[500000];

    (void)state;
    meet();
    RUN_UNTIL(strcmp(heard, "STARTTLS;GOOD;") == 0 && client->length > 14);
    torc_pause_reading(client->protocol.transport);
    torc_write_static(lines->protocol.transport, torc_slice_make(block, 130000));
    torc_lose_connection(lines->protocol.transport);
    for (unsigned i = 0; i < 20; i++)
        torc_iterate(reactor, 0);
}

/* -- on what carries bytes ----------------------------------------------------------------------- */

static void tls_goes_over_tls(void **state)
{
    torc_tls_info info;

    (void)state;
    listen_with("good.pem", "");
    connect_trusting("");
    start(server, server_tls, NULL);
    torc_start_tls(client, client_tls, "localhost");
    torc_printf(client, "twice wrapped");
    RUN_UNTIL(server != NULL && server->length == 13);
    assert_string_equal(server->text, "twice wrapped");
    assert_true(torc_tls_of(client->protocol.transport, &info));
    assert_string_equal(started, "done");
    torc_printf(server, "and back");
    torc_lose_connection(server->protocol.transport);
    RUN_UNTIL(client_lost[0] != '\0');
    assert_int_equal(client_got, 8);
    assert_ptr_equal(client_lost_type, &torc_error_connection_done);
}

static void tls_goes_over_a_unix_socket(void **state)
{
    char description[512];

    (void)state;
    snprintf(description, sizeof description, "tls:endpoint=unix\\:%s:certificate=%s",
        path_of("socket"), path_of("good.pem"));
    port = 1; /* a path has none to wait for */
    torc_listen(torc_root(reactor), description, torc_factory_of(&server_class));
    snprintf(description, sizeof description,
        "tls:endpoint=unix\\:%s:name=localhost:authorities=%s", path_of("socket"),
        path_of("authority.pem"));
    torc_add_errback(torc_connect(torc_root(reactor), description, torc_factory_of(&client_class)),
        note_failed, NULL);
    RUN_UNTIL((client != NULL && server != NULL) || failed[0] != '\0');
    assert_string_equal(failed, "");
    torc_printf(client, "local");
    RUN_UNTIL(server->length == 5);
}

/* -- the puppet ------------------------------------------------------------------------------------ */

static SSL *puppet;
static BIO *to_puppet;
static BIO *from_puppet;
static torc_transport *puppet_transport;
static size_t puppet_limit; /* so many bytes it may still say; then it hangs up */
static bool puppet_ends;    /* by close_notify, once it has said its word */
static bool puppet_said;

static void puppet_speaks(void)
{
    char bytes[4096];
    int length;

    while ((length = BIO_read(from_puppet, bytes, sizeof bytes)) > 0) {
        torc_slice all = torc_slice_make(bytes, (size_t)length);
        torc_slice said = torc_slice_first(all, puppet_limit);

        torc_write(puppet_transport, said);
        puppet_limit -= said.length;
    }
    if (puppet_limit == 0)
        torc_lose_connection(puppet_transport);
}

static void puppet_moves(void)
{
    char bytes[4096];

    if (SSL_do_handshake(puppet) == 1 && !puppet_said) {
        puppet_said = true;
        SSL_write(puppet, "hello", 5);
        if (puppet_ends)
            SSL_shutdown(puppet);
    } else if (puppet_said) {
        SSL_read(puppet, bytes, sizeof bytes);
    }
    puppet_speaks();
}

static void puppet_made(torc_protocol *protocol)
{
    puppet_transport = protocol->transport;
    puppet_moves();
}

static void puppet_data(torc_protocol *protocol, torc_slice data)
{
    (void)protocol;
    BIO_write(to_puppet, data.data, (int)data.length);
    puppet_moves();
}

static void puppet_gone(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    (void)reason;
    puppet_transport = NULL;
}

static const torc_protocol_class puppet_class = {
    .name = "Puppet",
    .connection_made = puppet_made,
    .data_received = puppet_data,
    .connection_lost = puppet_gone,
};

static size_t got;

static void host_made(torc_protocol *protocol)
{
    server_made(protocol);
    start(protocol, server_tls, NULL);
}

static void host_data(torc_protocol *protocol, torc_slice data)
{
    (void)protocol;
    got += data.length;
}

static const torc_protocol_class host_class = {
    .name = "Host",
    .size = sizeof(end),
    .connection_made = host_made,
    .data_received = host_data,
    .connection_lost = server_gone,
};

/* A puppet that says no more than `limit` bytes; true when it got to its word. */
static void play(SSL_CTX *context, size_t limit)
{
    puppet = SSL_new(context);
    to_puppet = BIO_new(BIO_s_mem());
    from_puppet = BIO_new(BIO_s_mem());
    SSL_set_bio(puppet, to_puppet, from_puppet);
    SSL_set_connect_state(puppet);
    puppet_limit = limit;
    puppet_said = false;
    got = 0;
    server_lost[0] = '\0';
    assert_true(torc_connect_in_memory(
        torc_root(reactor), torc_factory_of(&host_class), torc_factory_of(&puppet_class)));
}

static void cut_at_every_byte(int version)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    size_t whole = 0;

    SSL_CTX_set_max_proto_version(context, version);
    puppet_ends = true;
    for (size_t limit = 0; whole == 0 && limit < 4000; limit++) {
        play(context, limit);
        RUN_UNTIL(server_lost[0] != '\0');
        if (strcmp(server_lost, "the connection was closed cleanly") == 0)
            whole = limit;
        else if (strstr(server_lost, strcmp(started, "done") == 0 ? "without close_notify"
                : "closed the connection in the middle") == NULL)
            fail_msg("%zu bytes, %s: %s", limit, started, server_lost);
        started[0] = '\0';
        RUN_UNTIL(puppet_transport == NULL);
        SSL_free(puppet);
    }
    assert_int_equal(got, 5);
    assert_true(whole > 200);
    SSL_CTX_free(context);
}

static void a_peer_may_stop_at_any_byte(void **state)
{
    (void)state;
    cut_at_every_byte(TLS1_3_VERSION);
    cut_at_every_byte(TLS1_2_VERSION);
}

/* Each asks for an answer that the puppet's side, which is paused, never takes. */
static void answers_that_nobody_takes_are_bounded(void **state)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    (void)state;
    puppet_ends = false;
    play(context, SIZE_MAX);
    RUN_UNTIL(got == 5);
    torc_pause_reading(puppet_transport);
    for (unsigned i = 0; i < 20000 && server_lost[0] == '\0'; i++) {
        assert_int_equal(SSL_key_update(puppet, SSL_KEY_UPDATE_REQUESTED), 1);
        SSL_do_handshake(puppet);
        puppet_speaks();
        torc_iterate(reactor, 0);
    }
    assert_string_equal(server_lost, "the peer asks for answers of TLS and does not take them");
    torc_resume_reading(puppet_transport);
    RUN_UNTIL(puppet_transport == NULL);
    SSL_free(puppet);
    SSL_CTX_free(context);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up_both, tear_down_both)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(each_side_speaks_in_clear_and_then_by_tls),
        ONE(commands_slipped_in_behind_starttls_are_thrown_away),
        ONE(what_a_paused_receiver_keeps_is_thrown_away),
        ONE(what_was_written_before_leaves_in_clear_however_much),
        ONE(a_handshake_that_fails_fails_the_deferred_and_the_connection),
        ONE(what_is_no_name_is_refused),
        ONE(a_peer_that_does_not_begin_is_timed_out),
        ONE(cancelling_the_deferred_leaves_the_handshake),
        ONE(a_closing_connection_has_no_tls),
        ONE(a_scope_that_ends_in_the_handshake_ends_all),
        ONE(a_reactor_that_goes_in_the_middle_of_closing),
        ONE(tls_goes_over_tls),
        ONE(tls_goes_over_a_unix_socket),
        ONE(a_peer_may_stop_at_any_byte),
        ONE(answers_that_nobody_takes_are_bounded),
    };

    cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
