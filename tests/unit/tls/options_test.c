/*
 * What a configuration can ask for: resumption, keys given beforehand, client certificates, reading
 * files anew, and the rest, each between a server and a client of ours.
 */
#include "tls/session.h"
#include "tls/tickets.h"

#include "tls/in_memory.h"

#include <sys/stat.h>

static torc_tls_info client_info(void)
{
    torc_tls_info info;

    assert_non_null(client);
    assert_true(torc_tls_of(client->protocol.transport, &info));
    return info;
}

/* Until the tickets, which come after the handshake, are surely here. */
static void talk(void)
{
    torc_printf(server, "tickets come before this");
    RUN_UNTIL(client->length > 0);
}

static void hang_up(void)
{
    client_lost[0] = server_lost[0] = '\0';
    torc_lose_connection(client->protocol.transport);
    RUN_UNTIL(client_lost[0] != '\0' && server_lost[0] != '\0');
}

static bool connects_by_resuming(const char *arguments)
{
    bool resumed;

    connect_trusting(arguments);
    assert_string_equal(failed, "");
    resumed = client_info().resumed;
    talk();
    hang_up();
    return resumed;
}

/* -- resumption ----------------------------------------------------------------------------- */

static void who_connects_again_goes_on_with_the_session(void **state)
{
    (void)state;
    listen_with("good.pem", "");
    assert_false(connects_by_resuming(""));
    for (size_t i = 0; i < 6; i++)
        assert_true(connects_by_resuming(""));
    assert_false(connects_by_resuming("name=localhost")); /* another name: nothing is kept of it */
    assert_true(connects_by_resuming("name=localhost"));
}

static torc_time tickets_now = TORC_SECOND;

static torc_time tell_tickets_time(void)
{
    return tickets_now;
}

static void keys_of_tickets_rotate_and_expire(void **state)
{
    (void)state;
    torc__tls_tickets_set_clock(tell_tickets_time);
    listen_with("good.pem", "");
    assert_false(connects_by_resuming(""));
    tickets_now += TORC_HOUR + TORC_MINUTE; /* sealed by the key before the newest */
    assert_true(connects_by_resuming(""));
    tickets_now += 3 * TORC_HOUR + TORC_MINUTE; /* that key is forgotten */
    assert_false(connects_by_resuming(""));
    assert_true(connects_by_resuming(""));
    torc__tls_tickets_set_clock(NULL);
}

static void sessions_of_tls_1_2_go_on_too(void **state)
{
    torc_tls *of_server = server_by(&(torc_tls_options){ 0 });
    torc_tls *of_client = client_by(&(torc_tls_options){ 0 });

    (void)state;
    assert_int_equal(SSL_CTX_set_max_proto_version(of_client->context, TLS1_2_VERSION), 1);
    for (size_t i = 0; i < 4; i++) {
        assert_true(open_in_memory(of_server, of_client));
        assert_string_equal(client_info().version, "TLSv1.2");
        assert_int_equal(client_info().resumed, i > 0);
        talk();
        hang_up();
    }
    torc_tls_release(of_server);
    torc_tls_release(of_client);
}

static void neither_side_is_made_to_resume(void **state)
{
    torc_tls *plain_server = server_by(&(torc_tls_options){ 0 });
    torc_tls *plain_client = client_by(&(torc_tls_options){ 0 });
    torc_tls *proud_server = server_by(&(torc_tls_options){ .no_tickets = true });
    torc_tls *proud_client = client_by(&(torc_tls_options){ .no_resumption = true });

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_true(open_in_memory(proud_server, plain_client));
        assert_false(client_info().resumed);
        talk();
        hang_up();
        assert_true(open_in_memory(plain_server, proud_client));
        assert_false(client_info().resumed);
        talk();
        hang_up();
    }
    torc_tls_release(plain_server);
    torc_tls_release(plain_client);
    torc_tls_release(proud_server);
    torc_tls_release(proud_client);
}

/* As it was possible with several servers (CVE-2025-23419): all share the keys of tickets. */
static void a_ticket_is_no_way_around_a_required_certificate(void **state)
{
    torc_tls *open_server = server_by(&(torc_tls_options){ 0 });
    torc_tls *strict_server = server_by(&(torc_tls_options){
        .clients = TORC_TLS_CLIENTS_REQUIRE, .authorities = path_of("authority.pem") });
    torc_tls *of_client = client_by(&(torc_tls_options){ 0 });

    (void)state;
    assert_true(open_in_memory(open_server, of_client));
    talk();
    hang_up();
    (void)open_in_memory(strict_server, of_client);
    RUN_UNTIL(client_lost[0] != '\0');
    assert_non_null(strstr(client_lost, "a certificate of the client is required"));
    torc_tls_release(open_server);
    torc_tls_release(strict_server);
    torc_tls_release(of_client);
}

static void a_client_keeps_a_bounded_number_of_sessions(void **state)
{
    torc_tls *tls = client_by(&(torc_tls_options){ 0 });
    char name[32];

    (void)state;
    for (int i = 0; i < 2 * TORC__TLS_SESSIONS_MAX; i++) {
        SSL_SESSION *session = SSL_SESSION_new();

        snprintf(name, sizeof name, "%d.example", i / 8);
        assert_true(torc__tls_sessions_add(&tls->sessions, name, session));
        assert_true(tls->sessions.count <= TORC__TLS_SESSIONS_MAX);
    }
    assert_int_equal(tls->sessions.count,
        2 * TORC__TLS_SESSIONS_MAX / 8 * TORC__TLS_SESSIONS_OF_A_NAME_MAX);
    torc_tls_release(tls);
}

/* -- keys given beforehand ------------------------------------------------------------------- */

static unsigned char shared_key[32] = "thirty-two bytes, but no secret";
static const char *shared_identity;

static size_t find_psk(
    void *context, char identity[TORC_TLS_IDENTITY_MAX], unsigned char key[TORC_TLS_KEY_MAX])
{
    const unsigned char *of_this_side = context;

    if (identity[0] == '\0')
        snprintf(identity, TORC_TLS_IDENTITY_MAX, "%s", shared_identity);
    else if (strcmp(identity, "device 7") != 0)
        return 0;
    memcpy(key, of_this_side, sizeof shared_key);
    return sizeof shared_key;
}

static void a_key_given_beforehand_is_enough(void **state)
{
    torc_tls_options with_key = { .find_psk = find_psk, .psk_context = shared_key };
    torc_tls *of_server = server_by(&with_key);
    torc_tls *of_client = client_by(&with_key);
    char name[64];

    (void)state;
    shared_identity = "device 7";
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        torc__tls_sessions_clear(&of_client->sessions);
        assert_int_equal(SSL_CTX_set_max_proto_version(of_client->context, version), 1);
        assert_true(open_in_memory(of_server, of_client));
        assert_string_equal(
            client_info().version, version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
        assert_false(torc_tls_peer_name(client->protocol.transport, name, sizeof name));
        talk();
        hang_up();
    }
    torc_tls_release(of_server);
    torc_tls_release(of_client);
}

static void a_wrong_key_or_identity_is_refused(void **state)
{
    unsigned char wrong_key[32] = "another key, of the same length";
    torc_tls *of_server =
        server_by(&(torc_tls_options){ .find_psk = find_psk, .psk_context = shared_key });
    torc_tls *right =
        client_by(&(torc_tls_options){ .find_psk = find_psk, .psk_context = shared_key });
    torc_tls *wrong =
        client_by(&(torc_tls_options){ .find_psk = find_psk, .psk_context = wrong_key });

    (void)state;
    shared_identity = "device 8";
    assert_false(open_in_memory(of_server, right));
    shared_identity = "device 7";
    assert_false(open_in_memory(of_server, wrong));
    assert_true(open_in_memory(of_server, right));
    torc_tls_release(of_server);
    torc_tls_release(right);
    torc_tls_release(wrong);
}

/* -- certificates of clients ----------------------------------------------------------------- */

/* In TLS 1.3 a client may be told that it is not let in after it has been let in. */
static void connect_in_vain(const char *certificate)
{
    char description[512];

    client_lost[0] = '\0';
    snprintf(description, sizeof description, "tls:127.0.0.1:%u:authorities=%s%s%s", port,
        path_of("authority.pem"), certificate != NULL ? ":certificate=" : "",
        certificate != NULL ? path_of(certificate) : "");
    torc_add_errback(torc_connect(torc_root(reactor), description, torc_factory_of(&client_class)),
        note_failed, NULL);
    RUN_UNTIL(client_lost[0] != '\0' || failed[0] != '\0');
}

static void a_required_certificate_that_is_missing_ends_it(void **state)
{
    char arguments[256];

    (void)state;
    snprintf(arguments, sizeof arguments, "authorities=%s:client=require", path_of("authority.pem"));
    listen_with("good.pem", arguments);
    connect_in_vain(NULL);
    assert_null(server);
    assert_non_null(strstr(client_lost, "a certificate of the client is required"));
}

static void a_requested_certificate_may_be_missing_but_not_bad(void **state)
{
    char arguments[256];

    (void)state;
    snprintf(arguments, sizeof arguments, "authorities=%s:client=request", path_of("authority.pem"));
    listen_with("good.pem", arguments);
    connect_trusting("");
    assert_non_null(server);
    hang_up();
    connect_in_vain("expired.pem");
    assert_non_null(strstr(client_lost, "certificate has expired"));
}

/* -- files that change ------------------------------------------------------------------------ */

static void copy_file(const char *from, const char *to)
{
    char command[300];

    snprintf(command, sizeof command, "cp %s %s", path_of(from), path_of(to));
    assert_int_equal(system(command), 0);
}

static void files_are_read_anew_and_connections_stay(void **state)
{
    char name[64];
    end *first;

    (void)state;
    copy_file("good.pem", "changing.pem");
    listen_with("changing.pem", "");
    connect_trusting("");
    first = client;
    copy_file("other.pem", "changing.pem");
    torc_tls_reload_all();
    server = NULL;
    connect_trusting("name=other.example");
    assert_string_equal(failed, "");
    assert_true(torc_tls_peer_name(client->protocol.transport, name, sizeof name));
    assert_string_equal(name, "other.example");
    torc_printf(first, "still here");
    torc_printf(client, "here too");
    RUN_UNTIL(server->length > 0);
    assert_string_equal(client_lost, "");
}

static void files_that_do_not_fit_any_more_change_nothing(void **state)
{
    (void)state;
    copy_file("good.pem", "changing.pem");
    listen_with("changing.pem", "");
    copy_file("authority.pem", "changing.pem"); /* has no key */
    torc_tls_reload_all();
    connect_trusting("");
    assert_string_equal(failed, "");
    assert_non_null(server);
}

/* -- the rest ---------------------------------------------------------------------------------- */

static void a_certificate_made_on_the_spot_is_trusted_by_its_pin(void **state)
{
    torc_failure *failure = NULL;
    torc_tls *of_server = torc_tls_self_signed("dev.example", &failure);
    torc_tls *of_client;
    torc_tls_options options = { .without_authorities = true };
    char pin[TORC_TLS_PIN_MAX];
    char name[64];

    (void)state;
    assert_non_null(of_server);
    assert_true(torc_tls_pin(of_server, pin));
    options.pin = pin;
    of_client = client_by(&options);
    assert_true(open_in_memory(of_server, of_client));
    assert_true(torc_tls_peer_name(client->protocol.transport, name, sizeof name));
    assert_string_equal(name, "dev.example");
    torc_tls_release(of_client);
    of_client = client_by(&(torc_tls_options){ 0 });
    assert_false(open_in_memory(of_server, of_client));
    assert_non_null(strstr(start_failed, "is signed by itself"));
    assert_false(torc_tls_pin(of_client, pin));
    torc_tls_release(of_client);
    torc_tls_release(of_server);
    assert_null(torc_tls_self_signed("no name;", &failure));
    torc_failure_release(failure);
}

static void self_signed_endpoints_listen(void **state)
{
    (void)state;
    listen_at("tls:0:interface=127.0.0.1:selfSigned=localhost");
    assert_string_equal(failed, "");
    connect_as(&client_class, "");
    assert_failed("is signed by itself");
}

static void one_that_takes_only_tls_1_3_refuses_tls_1_2(void **state)
{
    torc_tls *of_server = server_by(&(torc_tls_options){ .only_tls_1_3 = true });
    torc_tls *of_client = client_by(&(torc_tls_options){ 0 });

    (void)state;
    assert_true(open_in_memory(of_server, of_client));
    SSL_CTX_set_max_proto_version(of_client->context, TLS1_2_VERSION);
    torc__tls_sessions_clear(&of_client->sessions);
    assert_false(open_in_memory(of_server, of_client));
    assert_non_null(strstr(start_failed, "no version of TLS suits both sides"));
    torc_tls_release(of_server);
    torc_tls_release(of_client);
}

static void no_renegotiation(void **state)
{
    torc_tls *of_server = server_by(&(torc_tls_options){ 0 });
    torc_tls *of_client = client_by(&(torc_tls_options){ 0 });
    torc__tls_session *session;

    (void)state;
    SSL_CTX_set_max_proto_version(of_client->context, TLS1_2_VERSION);
    SSL_CTX_clear_options(of_client->context, SSL_OP_NO_RENEGOTIATION);
    assert_true(open_in_memory(of_server, of_client));
    session = torc__tls_session_of(client->protocol.transport);
    assert_int_equal(SSL_renegotiate(session->ssl), 1);
    (void)SSL_do_handshake(session->ssl); /* writes a ClientHello, and waits */
    assert_int_equal(torc__tls_flush(session), 0);
    RUN_UNTIL(client_lost[0] != '\0');
    assert_non_null(strstr(client_lost, "no renegotiation"));
    torc_tls_release(of_server);
    torc_tls_release(of_client);
}

static void assert_keys_logged(const char *name)
{
    struct stat facts;
    char text[2000];
    FILE *file = fopen(path_of(name), "r");
    size_t length;

    assert_non_null(file);
    length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    assert_non_null(strstr(text, "CLIENT_TRAFFIC_SECRET_0 "));
    assert_int_equal(stat(path_of(name), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
}

static void keys_are_logged_for_the_owner_only(void **state)
{
    torc_tls *of_server =
        server_by(&(torc_tls_options){ .key_log = path_of("keys.log") });
    torc_tls *of_client = client_by(&(torc_tls_options){ 0 });
    char argument[128];

    (void)state;
    assert_true(open_in_memory(of_server, of_client));
    assert_keys_logged("keys.log");
    torc_tls_release(of_server);
    torc_tls_release(of_client);
    client = server = NULL;
    snprintf(argument, sizeof argument, "keyLog=%s", path_of("server.log"));
    listen_with("good.pem", argument);
    snprintf(argument, sizeof argument, "keyLog=%s", path_of("client.log"));
    connect_trusting(argument);
    assert_keys_logged("server.log");
    assert_keys_logged("client.log");
}

/* What is stapled is not judged here: any bytes serve. */
static void a_response_is_stapled_for_who_asks(void **state)
{
    torc_tls *of_server;
    torc_tls *of_client = client_by(&(torc_tls_options){ 0 });
    unsigned char *response = NULL;
    FILE *file = fopen(path_of("response.der"), "w");
    SSL *ssl;

    (void)state;
    fputs("a response", file);
    fclose(file);
    of_server = server_by(&(torc_tls_options){ .ocsp = path_of("response.der") });
    SSL_CTX_set_tlsext_status_type(of_client->context, TLSEXT_STATUSTYPE_ocsp);
    assert_true(open_in_memory(of_server, of_client));
    ssl = torc__tls_session_of(client->protocol.transport)->ssl;
    assert_int_equal(SSL_get_tlsext_status_ocsp_resp(ssl, &response), 10);
    assert_memory_equal(response, "a response", 10);
    torc_tls_release(of_server);
    torc_tls_release(of_client);
}

static void options_that_do_not_fit_are_named(void **state)
{
    static const struct {
        torc_tls_options options;
        bool serves;
        const char *why;
    } cases[] = {
        { { 0 }, true, "a TLS server needs a certificate" },
        { { .certificate = "x", .clients = TORC_TLS_CLIENTS_REQUIRE }, true, "against authorities" },
        { { .ciphers = "NOTHING" }, false, "'NOTHING' is no list of ciphers" },
        { { .pin = "sha1/x" }, false, "'sha1/x' is no pin" },
        { { .alpn = "h2,,x" }, false, "is no list of protocols" },
        { { .authorities = "/nowhere" }, false, "cannot use /nowhere as certificate authorities" },
        { { .certificate = "/etc/passwd" }, false, "cannot use /etc/passwd as a certificate" },
        { { .ocsp = "/nowhere", .certificate = "x" }, true, "/nowhere is no OCSP response" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        torc_failure *failure = NULL;
        torc_tls *tls = cases[i].serves ? torc_tls_server_new(&cases[i].options, &failure)
                                        : torc_tls_client_new(&cases[i].options, &failure);

        assert_null(tls);
        if (strstr(torc_failure_text(failure), cases[i].why) == NULL)
            fail_msg("'%s' does not say '%s'", torc_failure_text(failure), cases[i].why);
        torc_failure_release(failure);
    }
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(who_connects_again_goes_on_with_the_session),
        ONE(keys_of_tickets_rotate_and_expire),
        ONE(sessions_of_tls_1_2_go_on_too),
        ONE(neither_side_is_made_to_resume),
        ONE(a_ticket_is_no_way_around_a_required_certificate),
        ONE(a_client_keeps_a_bounded_number_of_sessions),
        ONE(a_key_given_beforehand_is_enough),
        ONE(a_wrong_key_or_identity_is_refused),
        ONE(a_required_certificate_that_is_missing_ends_it),
        ONE(a_requested_certificate_may_be_missing_but_not_bad),
        ONE(files_are_read_anew_and_connections_stay),
        ONE(files_that_do_not_fit_any_more_change_nothing),
        ONE(a_certificate_made_on_the_spot_is_trusted_by_its_pin),
        ONE(self_signed_endpoints_listen),
        ONE(one_that_takes_only_tls_1_3_refuses_tls_1_2),
        ONE(no_renegotiation),
        ONE(keys_are_logged_for_the_owner_only),
        ONE(a_response_is_stapled_for_who_asks),
        ONE(options_that_do_not_fit_are_named),
    };

    cmocka_set_test_filter(getenv("CMOCKA_TEST_FILTER"));
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
