/*
 * TLS between a server and a client of ours: what a protocol sees of it, and each way in which a
 * handshake fails.
 */
#include "tls/ends.h"

/* -- what a protocol sees -------------------------------------------------------------------- */

static void bytes_go_both_ways(void **state)
{
    (void)state;
    connect_well();
    torc_printf(client, "hello");
    RUN_UNTIL(server->length == 5);
    assert_string_equal(server->text, "hello");
    torc_printf(server, "world");
    RUN_UNTIL(client->length == 5);
    assert_string_equal(client->text, "world");
}

static void a_connection_tells_what_it_is(void **state)
{
    torc_tls_info info;
    char name[64];

    (void)state;
    connect_well();
    assert_true(torc_tls_of(client->protocol.transport, &info));
    assert_string_equal(info.version, "TLSv1.3");
    assert_true(info.verified);
    assert_false(info.resumed);
    assert_int_equal(info.alpn.length, 0);
    assert_true(torc_tls_peer_name(client->protocol.transport, name, sizeof name));
    assert_string_equal(name, "localhost");
    assert_true(torc_tls_of(server->protocol.transport, &info));
    assert_false(info.verified);
    assert_null(torc_tls_peer_certificate(server->protocol.transport));
    assert_false(torc_tls_peer_name(server->protocol.transport, name, sizeof name));
    assert_int_equal(torc_peer_address(server->protocol.transport).kind, TORC_ADDRESS_IPV4);
}

static void the_peers_certificate_is_given_whole(void **state)
{
    torc_buffer *given;
    unsigned char *expected = NULL;
    FILE *file = fopen(path_of("good.pem"), "r");
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    int length = i2d_X509(certificate, &expected);

    (void)state;
    fclose(file);
    connect_well();
    given = torc_tls_peer_certificate(client->protocol.transport);
    assert_non_null(given);
    assert_int_equal(torc_buffer_slice(given).length, length);
    assert_memory_equal(torc_buffer_slice(given).data, expected, (size_t)length);
    torc_buffer_release(given);
    OPENSSL_free(expected);
    X509_free(certificate);
}

static void a_clean_end_is_told_as_one(void **state)
{
    (void)state;
    connect_well();
    torc_printf(server, "last words");
    torc_lose_connection(server->protocol.transport);
    RUN_UNTIL(client_lost[0] != '\0' && server_lost[0] != '\0');
    assert_ptr_equal(client_lost_type, &torc_error_connection_done);
}

static void much_arrives_whole_before_the_end(void **state)
{
    static char block[100000];

    (void)state;
    connect_well();
    for (size_t i = 0; i < 50; i++)
        torc_write(server->protocol.transport, torc_slice_make(block, sizeof block));
    torc_lose_connection(server->protocol.transport);
    RUN_UNTIL(client == NULL);
    assert_int_equal(client_got, 50 * sizeof block);
    assert_ptr_equal(client_lost_type, &torc_error_connection_done);
}

static void small_writes_are_merged_into_full_records(void **state)
{
    char block[100] = { 0 };

    (void)state;
    connect_well();
    for (size_t i = 0; i < 1000; i++)
        torc_write(server->protocol.transport, torc_slice_make(block, sizeof block));
    RUN_UNTIL(client->length == 1000 * sizeof block);
    assert_int_equal(client->largest, 16384);
}

static void a_paused_end_loses_nothing(void **state)
{
    static char block[300000];

    (void)state;
    connect_well();
    torc_pause_reading(client->protocol.transport);
    torc_write(server->protocol.transport, torc_slice_make(block, sizeof block));
    torc_lose_connection(server->protocol.transport);
    for (size_t i = 0; i < 20; i++)
        torc_iterate(reactor, 0);
    assert_int_equal(client->length, 0);
    torc_resume_reading(client->protocol.transport);
    RUN_UNTIL(client == NULL);
    assert_int_equal(client_got, sizeof block);
    assert_ptr_equal(client_lost_type, &torc_error_connection_done);
}

static void one_half_may_end_before_the_other(void **state)
{
    char trusting[256];

    (void)state;
    listen_with("good.pem", "");
    snprintf(trusting, sizeof trusting, "authorities=%s", path_of("authority.pem"));
    connect_as(&patient_client_class, trusting);
    torc_printf(server, "all");
    torc_lose_write(server->protocol.transport);
    RUN_UNTIL(client->read_ended);
    assert_string_equal(client->text, "all");
    torc_printf(client, "thanks");
    RUN_UNTIL(server->length == 6);
    torc_lose_connection(client->protocol.transport);
    RUN_UNTIL(client_lost[0] != '\0' && server_lost[0] != '\0');
}

static void an_end_without_close_notify_is_a_loss(void **state)
{
    (void)state;
    connect_well();
    torc_printf(server, "half of the");
    RUN_UNTIL(client->length > 0);
    torc_abort_connection(server->protocol.transport);
    RUN_UNTIL(client_lost[0] != '\0');
    assert_ptr_equal(client_lost_type, &torc_error_connection_lost);
}

static void the_protocol_agreed_upon_is_told(void **state)
{
    torc_tls_info info;

    (void)state;
    listen_with("good.pem", "alpn=h2,http/1.1");
    connect_trusting("alpn=http/1.1");
    assert_true(torc_tls_of(client->protocol.transport, &info));
    assert_true(torc_slice_is(info.alpn, "http/1.1"));
    assert_true(torc_tls_of(server->protocol.transport, &info));
    assert_true(torc_slice_is(info.alpn, "http/1.1"));
}

static void assert_shown(const char *asked_for, const char *shown)
{
    char arguments[64];
    char name[64];

    snprintf(arguments, sizeof arguments, "name=%s", asked_for);
    client = NULL;
    failed[0] = '\0';
    connect_trusting(arguments);
    if (shown == NULL) {
        assert_non_null(strstr(failed, "the certificate is not for"));
        return;
    }
    assert_string_equal(failed, "");
    assert_true(torc_tls_peer_name(client->protocol.transport, name, sizeof name));
    assert_string_equal(name, shown);
}

static void the_name_that_is_asked_for_chooses_the_certificate(void **state)
{
    char command[256];

    (void)state;
    make_file("wild.pem", "wild", "DNS:*.wild.example", -DAY, DAY);
    snprintf(command, sizeof command, "mkdir -p %s/site.d && cd %s/site.d && cp ../good.pem a.pem "
        "&& cp ../other.pem b.pem && cp ../wild.pem c.pem", folder, folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "tls:0:interface=127.0.0.1:certificates=%s/site.d", folder);
    listen_at(command);
    assert_shown("other.example", "other.example");
    assert_shown("OTHER.example", "other.example");
    assert_shown("any.wild.example", "*.wild.example");
    assert_shown("localhost", "localhost");
    assert_shown("127.0.0.1", "localhost"); /* an address is not sent: the first is for all others */
    assert_shown("too.deep.wild.example", NULL);
    assert_shown("new.example", NULL);
    /* Another certificate is put there. */
    make_file("site.d/d.pem", "new", "DNS:new.example", -DAY, DAY);
    torc_tls_reload_all();
    assert_shown("new.example", "new.example");
    assert_shown("other.example", "other.example");
}

/* OpenSSL's variable stands in for what the system has. */
static void without_authorities_those_of_the_system_count(void **state)
{
    (void)state;
    listen_with("good.pem", "");
    setenv("SSL_CERT_FILE", path_of("authority.pem"), 1);
    connect_as(&client_class, "");
    unsetenv("SSL_CERT_FILE");
    torc_tls_reload_all();
    assert_string_equal(failed, "");
    assert_non_null(server);
}

static void a_client_shows_who_it_is_where_it_is_asked(void **state)
{
    char arguments[256];
    char name[64];

    (void)state;
    snprintf(arguments, sizeof arguments, "authorities=%s:client=require", path_of("authority.pem"));
    listen_with("good.pem", arguments);
    snprintf(arguments, sizeof arguments, "certificate=%s", path_of("client.pem"));
    connect_trusting(arguments);
    assert_string_equal(failed, "");
    assert_true(torc_tls_peer_name(server->protocol.transport, name, sizeof name));
    assert_string_equal(name, "me@example.org");
}

/* -- ways to fail ---------------------------------------------------------------------------- */

static void each_bad_certificate_is_refused_with_its_reason(void **state)
{
    static const char *const cases[][2] = {
        { "expired.pem", "the certificate of 127.0.0.1 has expired" },
        { "early.pem", "not valid yet: is this machine's clock right?" },
        { "other.pem", "the certificate is not for 127.0.0.1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        listen_with(cases[i][0], "");
        connect_trusting("");
        assert_failed(cases[i][1]);
        assert_ptr_equal(failed_type, &torc_error_tls_certificate);
        failed[0] = '\0';
    }
}

static void a_certificate_of_nobody_that_is_known_is_refused(void **state)
{
    (void)state;
    listen_with("good.pem", "");
    connect_as(&client_class, "");
    assert_failed("signed by an authority that is not known here");
}

static void no_shared_protocol_is_a_failure(void **state)
{
    (void)state;
    listen_with("good.pem", "alpn=h2");
    connect_trusting("alpn=imap");
    assert_failed("no protocol (ALPN) suits both sides");
}

static void a_public_key_that_is_not_the_pinned_one_is_refused(void **state)
{
    (void)state;
    listen_with("good.pem", "");
    connect_trusting("pin=sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_failed("is not the one that is pinned");
}

static void greet_in_clear(torc_protocol *protocol)
{
    torc_printf(protocol, "220 mail.example ESMTP\r\n");
}

static void a_server_that_speaks_no_tls_is_named_so(void **state)
{
    static const torc_protocol_class clear = { .name = "Clear", .connection_made = greet_in_clear };
    torc_port *opening = torc_listen(
        torc_root(reactor), "tcp:0:interface=127.0.0.1", torc_factory_of(&clear));

    (void)state;
    port = 0;
    torc_add_callback(torc_port_opened(opening), note_port, NULL);
    RUN_UNTIL(port != 0);
    connect_trusting("");
    assert_failed("the other side does not speak TLS");
}

static void a_silent_client_is_timed_out_and_the_port_goes_on(void **state)
{
    char description[64];

    (void)state;
    listen_with("good.pem", "timeout=0.05");
    snprintf(description, sizeof description, "tcp:127.0.0.1:%u", port);
    torc_connect(torc_root(reactor), description, torc_factory_of(&client_class));
    RUN_UNTIL(client_lost[0] != '\0');
    assert_null(server);
    connect_trusting("");
    assert_non_null(server);
}

static void files_that_do_not_fit_are_named(void **state)
{
    static const char *const cases[][2] = {
        { "tls:443", "a certificate is missing" },
        { "tls:443:certificate=/nowhere/x.pem", "cannot use /nowhere/x.pem as a certificate" },
        { "tls:443:certificate=/etc/passwd", "cannot use /etc/passwd as a certificate" },
        { "tls:certificate=x.pem", "either a port or an endpoint must be given" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        listen_at(cases[i][0]);
        assert_failed(cases[i][1]);
        failed[0] = '\0';
    }
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(bytes_go_both_ways),
        ONE(a_connection_tells_what_it_is),
        ONE(the_peers_certificate_is_given_whole),
        ONE(a_clean_end_is_told_as_one),
        ONE(much_arrives_whole_before_the_end),
        ONE(small_writes_are_merged_into_full_records),
        ONE(a_paused_end_loses_nothing),
        ONE(one_half_may_end_before_the_other),
        ONE(an_end_without_close_notify_is_a_loss),
        ONE(the_protocol_agreed_upon_is_told),
        ONE(the_name_that_is_asked_for_chooses_the_certificate),
        ONE(without_authorities_those_of_the_system_count),
        ONE(a_client_shows_who_it_is_where_it_is_asked),
        ONE(each_bad_certificate_is_refused_with_its_reason),
        ONE(a_certificate_of_nobody_that_is_known_is_refused),
        ONE(no_shared_protocol_is_a_failure),
        ONE(a_public_key_that_is_not_the_pinned_one_is_refused),
        ONE(a_server_that_speaks_no_tls_is_named_so),
        ONE(a_silent_client_is_timed_out_and_the_port_goes_on),
        ONE(files_that_do_not_fit_are_named),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
