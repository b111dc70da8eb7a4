/*
 * The DNS over TLS: a resolver asks a server that has a certificate, and none that is not the one
 * whose name it was told.
 */
#include "names/link_server.h"

#include "tls/ends.h"

#include <torc/names.h>

static int fired;
static char told[700];
static const torc_failure_type *told_type;

static torc_result host_found(void *unused, torc_result result)
{
    (void)unused;
    fired++;
    torc_address_host(&torc_result_host(result)->addresses[0], told);
    return torc_nothing();
}

static torc_result not_found(void *unused, torc_result result)
{
    const torc_failure *failure = torc_result_failure(result);

    (void)unused;
    fired++;
    told_type = torc_failure_type_of(failure);
    for (size_t used = 0; failure != NULL && used < sizeof told;
         used = strlen(told), failure = torc_failure_cause(failure))
        snprintf(told + used, sizeof told - used, "%s\n", torc_failure_text(failure));
    return torc_nothing();
}

static void serve_names_with(const char *certificate)
{
    char text[256];

    memset(&link_server, 0, sizeof link_server);
    link_server.names.zone = "www.test. 60 A 192.0.2.80\nmail.test. 60 A 192.0.2.25\n";
    snprintf(text, sizeof text, "tls:0:interface=127.0.0.1:certificate=%s", path_of(certificate));
    port = 0;
    torc_add_callback(torc_port_opened(torc_listen(torc_root(reactor), text,
        torc_factory_of(&link_server_class))), note_port, NULL);
    RUN_UNTIL(port != 0);
}

static torc_resolver *resolver_for(const char *name)
{
    char endpoint[256];
    const char *endpoints[] = { endpoint };
    torc_resolver_options options = { .hosts_file = "", .configuration_file = "",
        .connect = torc_connect, .endpoints = endpoints, .endpoint_count = 1 };

    snprintf(endpoint, sizeof endpoint, "tls:127.0.0.1:%u:name=%s:authorities=%s", port, name,
        path_of("authority.pem"));
    return torc_resolver_new(torc_root(reactor), &options);
}

static void find(torc_resolver *resolver, const char *name)
{
    fired = 0;
    told_type = NULL;
    torc_add_callbacks(torc_resolve_by(resolver, torc_root(reactor), name), host_found,
        not_found, NULL);
    RUN_UNTIL(fired == 1);
}

static void names_are_looked_up_in_private_over_one_connection(void **state)
{
    torc_resolver *resolver;

    (void)state;
    serve_names_with("good.pem");
    resolver = resolver_for("localhost");
    find(resolver, "www.test");
    assert_string_equal(told, "192.0.2.80");
    find(resolver, "mail.test");
    assert_string_equal(told, "192.0.2.25");
    assert_int_equal(link_server.connections, 1);
    assert_int_equal(link_server.padded, 4);
}

static void a_server_with_another_name_is_not_asked(void **state)
{
    (void)state;
    serve_names_with("other.pem");
    find(resolver_for("localhost"), "www.test");
    assert_ptr_equal(told_type, &torc_error_name_server);
    assert_non_null(strstr(told, "certificate"));
    assert_int_equal(link_server.questions, 0);
}

static void a_certificate_that_has_expired_is_not_trusted(void **state)
{
    (void)state;
    serve_names_with("expired.pem");
    find(resolver_for("localhost"), "www.test");
    assert_ptr_equal(told_type, &torc_error_name_server);
    assert_int_equal(link_server.questions, 0);
}

/* The reactor's own resolver, by which endpoints look names up. */
static void connections_find_names_in_private(void **state)
{
    char text[64];

    (void)state;
    serve_names_with("good.pem");
    link_server.names.zone = "server.test. 60 A 127.0.0.1\n";
    torc_use_resolver(reactor, resolver_for("localhost"));
    listen_at("tcp:0:interface=127.0.0.1");
    snprintf(text, sizeof text, "tcp:server.test:%u", port);
    (void)torc_connect(torc_root(reactor), text, torc_factory_of(&client_class));
    RUN_UNTIL(client != NULL && server != NULL);
    assert_int_equal(link_server.questions, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            names_are_looked_up_in_private_over_one_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_server_with_another_name_is_not_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_certificate_that_has_expired_is_not_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connections_find_names_in_private, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
