/*
 * Each way in which a handshake fails: the client is told why, and with whom, and the server why.
 */
#include "tls/session.h"

#include "tls/in_memory.h"

typedef struct fault {
    const char *name;
    const char *certificate; /* of the server; NULL: a good one */
    const char *authorities; /* of the client; NULL: those of the tests */
    torc_tls_options of_server;
    torc_tls_options of_client;
    void (*bend)(SSL_CTX *server, SSL_CTX *client);
    const char *client_says;
    const char *server_says;
} fault;

/* -- certificates of strangers --------------------------------------------------------------- */

/* Not signed by the authority of the tests, but each by itself. */
static int make_all_certificates(void **state)
{
    X509 *own = NULL;
    EVP_PKEY *own_key = NULL;

    if (make_certificates(state) != 0)
        return 1;
    own = authority;
    own_key = authority_key;
    authority = NULL;
    authority_key = NULL;
    make_file("self.pem", "localhost", "DNS:localhost", -DAY, DAY);
    make_file("stranger.pem", "A strange authority", NULL, -DAY, DAY);
    authority = own;
    authority_key = own_key;
    return 0;
}

/* -- what options do not offer --------------------------------------------------------------- */

static void allow_old(SSL_CTX *context)
{
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
    assert_int_equal(SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0"), 1);
}

static void bend_old_client(SSL_CTX *of_server, SSL_CTX *of_client)
{
    (void)of_server;
    allow_old(of_client);
}

static void bend_old_server(SSL_CTX *of_server, SSL_CTX *of_client)
{
    (void)of_client;
    allow_old(of_server);
}

static void bend_to_tls_1_2(SSL_CTX *of_server, SSL_CTX *of_client)
{
    (void)of_server;
    SSL_CTX_set_max_proto_version(of_client, TLS1_2_VERSION);
}

/* -- all of them ----------------------------------------------------------------------------- */

static const fault faults[] = {
    { .name = "expired", .certificate = "expired.pem",
        .client_says = "the certificate of localhost has expired",
        .server_says = "the other side says that our certificate has expired" },
    { .name = "not yet valid", .certificate = "early.pem",
        .client_says = "the certificate of localhost is not valid yet: is this machine's clock "
            "right?",
        .server_says = "the other side does not take our certificate" },
    { .name = "wrong name", .certificate = "other.pem",
        .client_says = "the certificate is not for localhost",
        .server_says = "the other side does not take our certificate" },
    { .name = "unknown authority", .authorities = "stranger.pem",
        .client_says = "the certificate of localhost is signed by an authority that is not known "
            "here; name it by authorities=FILE",
        .server_says = "the other side does not know the authority that signed our certificate" },
    { .name = "self-signed", .certificate = "self.pem",
        .client_says = "the certificate of localhost is signed by itself; name its authority by "
            "authorities=FILE",
        .server_says = "the other side does not know the authority that signed our certificate" },
    { .name = "another key than the pinned one",
        .of_client = { .pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
        .client_says = "the public key of localhost is not the one that is pinned",
        .server_says = "the TLS handshake with the peer failed" },
    { .name = "no shared protocol", .of_server = { .alpn = "h2" }, .of_client = { .alpn = "imap" },
        .client_says = "the TLS handshake with localhost failed: no protocol (ALPN) suits both",
        .server_says = "no protocol (ALPN) suits both sides" },
    { .name = "no shared version", .of_server = { .only_tls_1_3 = true }, .bend = bend_to_tls_1_2,
        .client_says = "the TLS handshake with localhost failed: no version of TLS suits both",
        .server_says = "no version of TLS suits both sides" },
    { .name = "a client below TLS 1.2", .bend = bend_old_client,
        .client_says = "the TLS handshake with localhost failed: no version of TLS suits both",
        .server_says = "no version of TLS suits both sides" },
    { .name = "a server below TLS 1.2", .bend = bend_old_server,
        .client_says = "the TLS handshake with localhost failed: no version of TLS suits both",
        .server_says = "no version of TLS suits both sides" },
    { .name = "no shared cipher", .of_server = { .ciphers = "ECDHE+AESGCM" },
        .of_client = { .ciphers = "ECDHE+CHACHA20" }, .bend = bend_to_tls_1_2,
        .client_says = "the TLS handshake with localhost failed: no cipher or certificate suits",
        .server_says = "no cipher or certificate suits both sides" },
};

static void assert_says(const fault *one, const char *who, const char *said, const char *expected)
{
    if (strstr(said, expected) == NULL)
        fail_msg("%s: the %s is told '%s', which does not say '%s'", one->name, who, said, expected);
}

static void fail_by(const fault *one)
{
    torc_tls_options server_options = one->of_server;
    torc_tls_options client_options = one->of_client;
    torc_tls *of_server;
    torc_tls *of_client;

    if (one->certificate != NULL)
        server_options.certificate = path_of(one->certificate);
    if (one->authorities != NULL)
        client_options.authorities = path_of(one->authorities);
    of_server = server_by(&server_options);
    of_client = client_by(&client_options);
    if (one->bend != NULL)
        one->bend(of_server->context, of_client->context);
    assert_false(open_in_memory(of_server, of_client));
    RUN_UNTIL(client_lost[0] != '\0' && server_lost[0] != '\0');
    assert_says(one, "client", start_failed, one->client_says);
    assert_says(one, "client's protocol", client_lost, one->client_says);
    assert_says(one, "server", server_lost, one->server_says);
    torc_tls_release(of_server);
    torc_tls_release(of_client);
}

static void each_failure_says_why_and_with_whom(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        fail_by(&faults[i]);
}

/* -- peers that speak no TLS ----------------------------------------------------------------- */

static const char *clear_words; /* NULL: it hangs up */
static bool clear_resets;

static void speak_in_clear(torc_protocol *protocol)
{
    if (clear_words != NULL)
        torc_printf(protocol, "%s", clear_words);
    else if (clear_resets)
        torc_abort_connection(protocol->transport);
    else
        torc_lose_connection(protocol->transport);
}

static void listen_in_clear(void)
{
    static const torc_protocol_class clear = { .name = "Clear", .connection_made = speak_in_clear };
    torc_port *opening = torc_listen(
        torc_root(reactor), "tcp:0:interface=127.0.0.1", torc_factory_of(&clear));

    port = 0;
    torc_add_callback(torc_port_opened(opening), note_port, NULL);
    RUN_UNTIL(port != 0);
}

static void a_server_that_speaks_http_in_clear_is_named(void **state)
{
    (void)state;
    clear_words = "HTTP/1.1 400 Bad Request\r\n\r\n";
    listen_in_clear();
    connect_trusting("");
    assert_failed("the TLS handshake with 127.0.0.1 failed: the other side does not speak TLS");
}

static void a_server_that_hangs_up_is_named(void **state)
{
    (void)state;
    clear_words = NULL;
    clear_resets = false;
    listen_in_clear();
    connect_trusting("");
    assert_failed("the TLS handshake with 127.0.0.1 failed: ");
}

static void a_server_that_resets_is_named(void **state)
{
    (void)state;
    clear_words = NULL;
    clear_resets = true;
    listen_in_clear();
    connect_trusting("");
    assert_failed("the TLS handshake with 127.0.0.1 failed: ");
}

static void a_server_that_says_nothing_is_named(void **state)
{
    (void)state;
    clear_words = "";
    listen_in_clear();
    connect_trusting("timeout=0.05");
    assert_failed("no answer within 0.05 s");
    assert_non_null(strstr(failed, "tls:127.0.0.1:"));
}

static char told[512];

static void note_logged(void *unused, const torc_log_event *event)
{
    (void)unused;
    if (event->level == TORC_LOG_INFO)
        snprintf(told, sizeof told, "%.*s", TORC_FMT(event->message));
}

/* Who listens has nobody to tell it to but the log. */
static void a_client_that_speaks_http_in_clear_is_logged(void **state)
{
    char description[64];

    (void)state;
    told[0] = '\0';
    torc_log_add_observer(TORC_LOG_INFO, note_logged, NULL);
    listen_with("good.pem", "");
    snprintf(description, sizeof description, "tcp:127.0.0.1:%u", port);
    torc_connect(torc_root(reactor), description, torc_factory_of(&client_class));
    RUN_UNTIL(client != NULL);
    torc_printf(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    RUN_UNTIL(client_lost[0] != '\0' && strstr(told, "was not taken") != NULL);
    torc_log_remove_observer(note_logged, NULL);
    assert_non_null(strstr(told, "a connection from 127.0.0.1:"));
    assert_non_null(strstr(told, "the other side speaks HTTP in clear; it must use https"));
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(each_failure_says_why_and_with_whom),
        ONE(a_server_that_speaks_http_in_clear_is_named),
        ONE(a_server_that_hangs_up_is_named),
        ONE(a_server_that_resets_is_named),
        ONE(a_server_that_says_nothing_is_named),
        ONE(a_client_that_speaks_http_in_clear_is_logged),
    };

    return cmocka_run_group_tests(tests, make_all_certificates, remove_certificates);
}
