/*
 * Certificates and what stands beside them: keys and chains in files of their own, directories with
 * one for each name, what a peer's says, what descriptions refuse, and want of memory.
 */
#include "support/failing_allocation.h"

#include "tls/ends.h"

#include <sys/stat.h>

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void write_key(const char *name, EVP_PKEY *key)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

static void assert_peer_is(const char *expected)
{
    char name[64];

    assert_string_equal(failed, "");
    assert_true(torc_tls_peer_name(client->protocol.transport, name, sizeof name));
    assert_string_equal(name, expected);
}

/* -- files of their own -------------------------------------------------------------------- */

/* As of a server whose certificate an authority between gave, which clients do not know. */
static void make_long_chain(void)
{
    EVP_PKEY *root_key = authority_key;
    X509 *root = authority;
    EVP_PKEY *between_key = EVP_EC_gen("P-256");
    X509 *between = make_certificate(between_key, "Between", NULL, -DAY, DAY);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf;

    authority = between;
    authority_key = between_key;
    leaf = make_certificate(key, "leaf", "IP:127.0.0.1,DNS:leaf.example", -DAY, DAY);
    authority = root;
    authority_key = root_key;
    write_pem("leaf.pem", leaf, NULL);
    write_pem("between.pem", between, NULL);
    write_key("leaf.key", key);
    X509_free(leaf);
    X509_free(between);
    EVP_PKEY_free(between_key);
    EVP_PKEY_free(key);
}

static void key_and_chain_may_have_files_of_their_own(void **state)
{
    char arguments[512];

    (void)state;
    make_long_chain();
    snprintf(arguments, sizeof arguments, "key=%s:chain=%s", path_of("leaf.key"),
        path_of("between.pem"));
    listen_with("leaf.pem", arguments);
    connect_trusting("");
    assert_peer_is("leaf.example");
}

static void without_what_lies_between_a_chain_is_not_believed(void **state)
{
    char arguments[512];

    (void)state;
    make_long_chain();
    snprintf(arguments, sizeof arguments, "key=%s", path_of("leaf.key"));
    listen_with("leaf.pem", arguments);
    connect_trusting("");
    assert_failed("not known here");
}

static void assert_no_server(const torc_tls_options *options, const char *why)
{
    torc_failure *failure = NULL;

    assert_null(torc_tls_server_new(options, &failure));
    if (strstr(torc_failure_text(failure), why) == NULL)
        fail_msg("'%s' does not say '%s'", torc_failure_text(failure), why);
    torc_failure_release(failure);
}

static void chains_and_keys_that_do_not_fit_are_named(void **state)
{
    torc_tls_options options = { .certificate = path_of("good.pem"), .chain = "/nowhere/x.pem" };

    (void)state;
    assert_no_server(&options, "cannot read /nowhere/x.pem");
    write_text("empty.txt", "nothing\n");
    options.chain = path_of("empty.txt");
    assert_no_server(&options, "has no certificate in PEM");
    options.chain = NULL;
    options.key = path_of("other.pem");
    assert_no_server(&options, "other.pem as a private key");
}

/* -- directories --------------------------------------------------------------------------- */

static const char *make_folder(const char *name)
{
    assert_true(mkdir(path_of(name), 0700) == 0 || access(path_of(name), F_OK) == 0);
    return path_of(name);
}

static void listen_with_folder(const char *name)
{
    char description[256];

    snprintf(description, sizeof description, "tls:0:interface=127.0.0.1:certificates=%s",
        path_of(name));
    listen_at(description);
}

static void make_sites(void)
{
    make_folder("sites");
    make_file("sites/a.pem", "first", "DNS:first.example,IP:127.0.0.1", -DAY, DAY);
    make_file("sites/b.pem", "wild", "DNS:*.wild.example", -DAY, DAY);
    write_text("sites/readme.txt", "not a certificate\n");
    write_text("sites/.hidden.pem", "not one either\n");
    write_text("sites/pem", "nor this\n");
}

static void one_certificate_serves_all_names_below_its_star(void **state)
{
    (void)state;
    make_sites();
    listen_with_folder("sites");
    assert_string_equal(failed, "");
    connect_trusting("name=any.wild.example");
    assert_peer_is("*.wild.example");
}

static void names_are_compared_without_regard_to_case(void **state)
{
    (void)state;
    make_sites();
    listen_with_folder("sites");
    connect_trusting("name=FIRST.Example");
    assert_peer_is("first.example");
}

static void of_a_name_that_none_is_for_the_first_certificate_is_shown(void **state)
{
    (void)state;
    make_sites();
    listen_with_folder("sites");
    connect_trusting("name=deep.any.wild.example");
    assert_failed("the certificate is not for deep.any.wild.example");
    failed[0] = '\0';
    connect_trusting("name=127.0.0.1");
    assert_peer_is("first.example");
}

static void a_directory_that_does_not_fit_is_named(void **state)
{
    (void)state;
    make_folder("nothing");
    listen_with_folder("nothing");
    assert_failed("nothing has no certificate NAME.pem");
    failed[0] = '\0';
    listen_with_folder("not-there");
    assert_failed("not-there has no certificate NAME.pem");
    failed[0] = '\0';
    make_folder("broken");
    make_file("broken/a.pem", "a", "DNS:a.example", -DAY, DAY);
    write_text("broken/b.pem", "nonsense\n");
    listen_with_folder("broken");
    assert_failed("broken/b.pem as a certificate");
}

/* More than are made room for at first. */
static void one_certificate_may_be_for_many_names(void **state)
{
    char names[4096] = "IP:127.0.0.1";

    (void)state;
    for (int i = 0; i < 100; i++)
        snprintf(names + strlen(names), 40, ",DNS:n%d.many.example", i);
    make_folder("many");
    make_file("many/a.pem", "many", names, -DAY, DAY);
    make_file("many/b.pem", "last", "DNS:last.example", -DAY, DAY);
    listen_with_folder("many");
    connect_trusting("name=n99.many.example");
    assert_peer_is("n0.many.example");
}

/* -- the peer's ---------------------------------------------------------------------------- */

static void of_a_peer_without_names_the_common_name_is_told(void **state)
{
    (void)state;
    make_file("plain.pem", "a common\nname", "IP:127.0.0.1", -DAY, DAY);
    listen_with("plain.pem", "");
    connect_trusting("");
    assert_peer_is("a?common?name");
}

static void a_name_is_cut_where_the_room_ends(void **state)
{
    char name[4];

    (void)state;
    connect_well();
    assert_true(torc_tls_peer_name(client->protocol.transport, name, sizeof name));
    assert_string_equal(name, "loc");
}

static void the_peer_s_certificate_is_told_as_it_is(void **state)
{
    torc_buffer *told;
    unsigned char *encoded = NULL;
    FILE *file;
    X509 *own;
    int length;

    (void)state;
    connect_well();
    file = fopen(path_of("good.pem"), "r");
    own = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    length = i2d_X509(own, &encoded);
    told = torc_tls_peer_certificate(client->protocol.transport);
    assert_non_null(told);
    assert_int_equal(torc_buffer_slice(told).length, length);
    assert_memory_equal(torc_buffer_slice(told).data, encoded, (size_t)length);
    torc_buffer_release(told);
    OPENSSL_free(encoded);
    X509_free(own);
}

/* -- descriptions -------------------------------------------------------------------------- */

static void what_tls_cannot_listen_with_is_refused(void **state)
{
    static const char *const bad[][2] = {
        { "tls:443:certificate=", "certificate must not be empty" },
        { "tls:443:certificate=a:key=", "key must not be empty" },
        { "tls:443:certificate=a:chain=", "chain must not be empty" },
        { "tls:443:certificate=a:ocsp=", "ocsp must not be empty" },
        { "tls:443:certificate=a:client=maybe", "must be 'request' or 'require'" },
        { "tls:443:certificate=a:minimum=1.1", "must be '1.2' or '1.3'" },
        { "tls:certificate=a:endpoint=", "endpoint must not be empty" },
        { "tls:443:certificate=a:endpoint=tcp\\:80", "either a port or an endpoint" },
        { "tls:443:selfSigned=a:certificate=b", "selfSigned goes with none of the other" },
        { "tls:443:selfSigned=a:certificates=b", "selfSigned goes with none of the other" },
        { "tls:443:selfSigned=a:alpn=b", "selfSigned goes with none of the other" },
        { "tls:443:selfSigned=a:client=require:authorities=b", "selfSigned goes with none" },
        { "tls:443:selfSigned=a b", "a b" },
        { "tls:443:certificate=a:ocsp=/nowhere", "/nowhere is no OCSP response" },
        { "ssl:selfSigned=localhost:endpoint=nonsense", "nonsense" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        failed[0] = '\0';
        listen_at(bad[i][0]);
        assert_failed(bad[i][1]);
    }
}

static void what_tls_cannot_connect_with_is_refused(void **state)
{
    static const char *const bad[][2] = {
        { "tls:a.test", "either a host with its port" },
        { "tls:a.test:443:endpoint=tcp\\:b\\:1", "either a host with its port" },
        { "tls:endpoint=tcp\\:b\\:1", "the name that the certificate must be for is missing" },
        { "tls:a.test:443:name=", "must be the name of a host" },
        { "tls:a.test:443:authorities=none", "authorities=none is for who knows the key" },
        { "tls:a.test:443:authorities=", "authorities must not be empty" },
        { "tls:a.test:443:minimum=2", "must be '1.2' or '1.3'" },
        { "tls:a.test:443:pin=sha256/short", "is no pin" },
        { "tls:a.test:443:endpoint=", "endpoint must not be empty" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        failed[0] = '\0';
        torc_add_errback(
            torc_connect(torc_root(reactor), bad[i][0], torc_factory_of(&client_class)),
            note_failed, NULL);
        RUN_UNTIL(failed[0] != '\0');
        assert_failed(bad[i][1]);
    }
}

/* -- want of memory ------------------------------------------------------------------------ */

static void assert_made_or_not(
    torc_tls *make(const torc_tls_options *, torc_failure **), const torc_tls_options *options)
{
    unsigned number = 0;
    bool failed_once;

    do {
        torc_failure *failure = NULL;
        torc_tls *tls;

        fail_allocation_after(number++);
        tls = make(options, &failure);
        failed_once = an_allocation_failed();
        allow_allocations();
        assert_true((tls == NULL) == (failure != NULL));
        if (failure != NULL && !failed_once)
            fail_msg("%s", torc_failure_text(failure));
        if (tls != NULL)
            torc_tls_release(tls);
        torc_failure_release(failure);
    } while (failed_once);
    assert_true(number > 2);
}

static void without_memory_a_configuration_is_not_made_and_nothing_leaks(void **state)
{
    char sites[128];
    char response[128];
    char known[128];
    torc_tls_options of_server = { .alpn = "h2,http/1.1", .certificates = sites, .ocsp = response };
    torc_tls_options of_client = { .alpn = "h2", .authorities = known,
        .pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" };

    (void)state;
    make_sites();
    write_text("response", "a response");
    snprintf(sites, sizeof sites, "%s", path_of("sites"));
    snprintf(response, sizeof response, "%s", path_of("response"));
    snprintf(known, sizeof known, "%s", path_of("authority.pem"));
    assert_made_or_not(torc_tls_server_new, &of_server);
    assert_made_or_not(torc_tls_client_new, &of_client);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(key_and_chain_may_have_files_of_their_own),
        ONE(without_what_lies_between_a_chain_is_not_believed),
        ONE(chains_and_keys_that_do_not_fit_are_named),
        ONE(one_certificate_serves_all_names_below_its_star),
        ONE(names_are_compared_without_regard_to_case),
        ONE(of_a_name_that_none_is_for_the_first_certificate_is_shown),
        ONE(a_directory_that_does_not_fit_is_named),
        ONE(one_certificate_may_be_for_many_names),
        ONE(of_a_peer_without_names_the_common_name_is_told),
        ONE(a_name_is_cut_where_the_room_ends),
        ONE(the_peer_s_certificate_is_told_as_it_is),
        ONE(what_tls_cannot_listen_with_is_refused),
        ONE(what_tls_cannot_connect_with_is_refused),
        ONE(without_memory_a_configuration_is_not_made_and_nothing_leaks),
    };

    torc_log_set_level(TORC_LOG_CRITICAL);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
