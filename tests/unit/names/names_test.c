/*
 * What a resolver goes by besides servers: resolv.conf and the order of addresses; and what it is
 * for endpoints, and records for users.
 */
#include "names/address_order.h"
#include "names/host_lookup.h"
#include "names/name_switch.h"
#include "names/resolv_conf.h"

#include <torc/names.h>
#include <torc/reactor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static torc_address address_of(const char *text)
{
    torc_address address = { .kind = TORC_ADDRESS_NONE };

    assert_true(text[0] == '\0' || torc_address_parse(torc_slice_of(text), 0, &address));
    return address;
}

/* -- resolv.conf --------------------------------------------------------------------------- */

static void resolv_conf_is_read(void **state)
{
    torc__resolv_conf conf;
    char text[TORC_ADDRESS_TEXT_MAX];
    char name[TORC_NAME_TEXT_MAX];

    (void)state;
    torc__resolv_conf_parse(&conf, TORC_SLICE(
        "# comment\n; comment\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 # here\r\n"
        "nameserver nonsense\ndomain old.test\nsearch a.test b..test b.test\n"
        "options ndots:3 timeout:2 attempts:99 rotate use-vc nonsense ndots:x\nnonsense"));
    assert_int_equal(conf.server_count, 2);
    assert_string_equal(torc_address_text(&conf.servers[0], text), "192.0.2.1:53");
    assert_string_equal(torc_address_text(&conf.servers[1], text), "[2001:db8::1]:53");
    assert_int_equal(conf.search_count, 2);
    torc__dns_name_text(torc__dns_name_slice(&conf.searches[1]), name);
    assert_string_equal(name, "b.test.");
    assert_int_equal(conf.ndots, 3);
    assert_true(conf.timeout == 2 * TORC_SECOND);
    assert_int_equal(conf.attempts, 5);
    assert_true(conf.rotate && conf.only_streams && !conf.no_ipv6);
}

static void without_a_file_this_machine_is_asked(void **state)
{
    torc__resolv_conf conf;
    char text[TORC_ADDRESS_TEXT_MAX];

    (void)state;
    torc__resolv_conf_parse(&conf, torc_slice_make(NULL, 0));
    assert_int_equal(conf.server_count, 1);
    assert_string_equal(torc_address_text(&conf.servers[0], text), "127.0.0.1:53");
    assert_int_equal(conf.ndots, 1);
    assert_int_equal(conf.attempts, 2);
    assert_true(conf.timeout == 5 * TORC_SECOND);
}

static void more_servers_and_domains_than_there_is_room_for_are_left_out(void **state)
{
    static char text[8192];
    torc__resolv_conf conf;

    (void)state;
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), 40, "nameserver 192.0.2.%d\n", i);
    snprintf(text + strlen(text), 10, "search");
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), 10, " d%d", i);
    torc__resolv_conf_parse(&conf, torc_slice_of(text));
    assert_int_equal(conf.server_count, TORC__SERVERS_MAX);
    assert_int_equal(conf.search_count, TORC__SEARCHES_MAX);
}

/* -- the order of addresses ---------------------------------------------------------------- */

/* Destinations as the standard's examples have them (RFC 6724 10.2), with the source of each. */
static void addresses_are_ordered_as_in_the_standards_examples(void **state)
{
    static const struct {
        const char *first, *first_source;  /* which is to be the first */
        const char *second, *second_source;
    } cases[] = {
        { "2001:db8:1::1", "2001:db8:1::2", "198.51.100.121", "169.254.13.78" },
        { "198.51.100.121", "198.51.100.117", "2001:db8:1::1", "fe80::1" },
        { "2001:db8:1::1", "2001:db8:1::2", "10.1.2.3", "10.1.2.4" },
        { "fe80::1", "fe80::2", "2001:db8:1::1", "2001:db8:1::2" },
        { "2001:db8:3ffe::1", "2001:db8:3f44::2", "2001:db8:1::1", "" },
        { "2002:c633:6401::1", "2002:c633:6401::2", "2001:db8:1::1", "fe80::2" },
        { "2001:db8:1::1", "2001:db8:1::2", "2002:c633:6401::1", "2002:c633:6401::2" },
        { "::1", "::1", "127.0.0.1", "127.0.0.1" },
        { "2001:db8:1::1", "2001:db8:1::2", "fc00::1", "fc00::2" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int turned = 0; turned < 2; turned++) {
            torc_address list[2] = { address_of(cases[i].first), address_of(cases[i].second) };
            torc_address sources[2] = {
                address_of(cases[i].first_source), address_of(cases[i].second_source) };
            char text[TORC_ADDRESS_TEXT_MAX];

            if (turned == 1) {
                torc_address kept = list[0];

                list[0] = list[1];
                list[1] = kept;
                kept = sources[0];
                sources[0] = sources[1];
                sources[1] = kept;
            }
            torc__order_addresses_by(list, sources, 2);
            assert_string_equal(torc_address_host(&list[0], text), cases[i].first);
        }
}

static void ipv4_addresses_keep_the_order_of_the_server(void **state)
{
    torc_address list[2] = { address_of("198.51.100.7"), address_of("10.0.0.2") };
    torc_address sources[2] = { address_of("10.0.0.1"), address_of("10.0.0.1") };
    char text[TORC_ADDRESS_TEXT_MAX];

    (void)state;
    torc__order_addresses_by(list, sources, 2);
    assert_string_equal(torc_address_host(&list[0], text), "198.51.100.7");
}

static void the_system_says_what_it_would_send_from(void **state)
{
    torc__routes routes = { .until = 0 };
    torc_address list[2] = { address_of("240.0.0.1"), address_of("::1") };
    char text[TORC_ADDRESS_TEXT_MAX];

    (void)state;
    torc__order_addresses(&routes, 1, list, 2);
    assert_int_equal(routes.count, 2);
    if (routes.sources[1].kind != TORC_ADDRESS_NONE)
        assert_string_equal(torc_address_host(&list[0], text), "::1");
    torc__order_addresses(&routes, 2, list, 2);
    assert_int_equal(routes.count, 2);
}

/* -- nsswitch.conf ------------------------------------------------------------------------- */

static bool is_for_system(const char *file, const char *name)
{
    torc__name_switch name_switch;

    torc__name_switch_parse(&name_switch, torc_slice_of(file));
    return torc__name_switch_is_for_system(
        &name_switch, torc_slice_of(name), TORC_SLICE("This.example"));
}

static void files_and_dns_leave_nothing_to_the_system(void **state)
{
    static const char *const ours[] = { "", "# hosts: ldap\npasswd: ldap\n",
        "hosts: files dns", "passwd: files\n  hosts:\tfiles  dns # ldap\n",
        "hosts: files resolve [!UNAVAIL=return] dns\n" };
    static const char *const names[] = { "www.test", "printer.local", "box", "_gateway",
        "this.example" };

    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            assert_false(is_for_system(ours[i], names[k]));
}

static void sources_of_certain_names_are_asked_by_the_system_for_those(void **state)
{
    const char *mdns = "hosts: files mdns4_minimal [NOTFOUND=return] dns";
    const char *own = "hosts: files myhostname[NOTFOUND=continue]dns";
    const char *machines = "hosts: files mymachines dns";

    (void)state;
    assert_true(is_for_system(mdns, "printer.Local"));
    assert_true(is_for_system(mdns, "printer.local."));
    assert_false(is_for_system(mdns, "printer.local.test"));
    assert_false(is_for_system(mdns, ".local"));
    assert_true(is_for_system(own, "this.EXAMPLE"));
    assert_true(is_for_system(own, "_gateway"));
    assert_false(is_for_system(own, "_sip._udp.test"));
    assert_false(is_for_system(own, "other.example"));
    assert_true(is_for_system(machines, "box"));
    assert_false(is_for_system(machines, "www.test"));
}

static void other_sources_and_orders_leave_all_to_the_system(void **state)
{
    static const char *const others[] = { "hosts: files ldap dns", "hosts: files", "hosts: dns",
        "hosts: dns files", "hosts: files [NOTFOUND=return] dns", "hosts:", "hosts: files nis" };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_true(is_for_system(others[i], "www.test"));
}

/* -- for endpoints ------------------------------------------------------------------------- */

typedef struct told {
    torc__host_lookup lookup;
    int count;
    size_t addresses;
    uint16_t port;
} told;

static void tell(torc__host_lookup *lookup, const torc__host_addresses *found)
{
    told *self = TORC_CONTAINER_OF(lookup, told, lookup);

    self->count++;
    self->addresses = found->count;
    if (found->count > 0)
        self->port = found->list[0].port;
    else
        assert_non_null(found->problem);
}

static void a_host_that_is_known_is_told_from_the_next_turn(void **state)
{
    torc_reactor *reactor = torc_reactor_new();
    told all = { .lookup.found = tell };
    told ipv6 = { .lookup.found = tell };
    told none = { .lookup.found = tell };
    told gone = { .lookup.found = tell };

    (void)state;
    assert_int_equal(torc__host_lookup_start(&all.lookup, reactor, "localhost", 80, false), 0);
    assert_int_equal(torc__host_lookup_start(&ipv6.lookup, reactor, "localhost", 81, true), 0);
    assert_int_equal(torc__host_lookup_start(&none.lookup, reactor, "192.0.2.1", 82, true), 0);
    assert_int_equal(torc__host_lookup_start(&gone.lookup, reactor, "localhost", 83, false), 0);
    torc__host_lookup_cancel(&gone.lookup);
    assert_int_equal(all.count, 0);
    torc_iterate(reactor, 0);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.addresses, 2);
    assert_int_equal(all.port, 80);
    assert_int_equal(ipv6.addresses, 1);
    assert_int_equal(none.count, 1);
    assert_int_equal(none.addresses, 0);
    assert_int_equal(gone.count, 0);
    torc_reactor_free(reactor);
}

/* -- fields of records --------------------------------------------------------------------- */

static void a_records_fields_are_given_one_by_one(void **state)
{
    torc_record srv = { .name = "a", .type = TORC_RECORD_SRV, .record_class = 1,
        .data = { "\0\1\0\2\x13\xc4\3sip\4test", 16 } };
    torc_record unknown = { .name = "a", .type = 65280, .data = { "xy", 2 } };
    torc_field field;
    char text[100];
    size_t length;

    (void)state;
    assert_true(torc_record_field(&srv, 2, &field));
    assert_int_equal(field.kind, TORC_FIELD_NUMBER);
    assert_int_equal(field.number, 5060);
    assert_true(torc_record_field(&srv, 3, &field));
    assert_int_equal(field.kind, TORC_FIELD_NAME);
    assert_string_equal(field.name, "sip.test");
    assert_false(torc_record_field(&srv, 4, &field));
    assert_true(torc_record_field(&unknown, 0, &field));
    assert_int_equal(field.bytes.length, 2);
    assert_false(torc_record_field(&unknown, 1, &field));
    length = torc_record_text(&srv, text, sizeof text);
    assert_string_equal(text, "a. 0 IN SRV 1 2 5060 sip.test.");
    assert_int_equal(length, strlen(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolv_conf_is_read),
        cmocka_unit_test(without_a_file_this_machine_is_asked),
        cmocka_unit_test(more_servers_and_domains_than_there_is_room_for_are_left_out),
        cmocka_unit_test(addresses_are_ordered_as_in_the_standards_examples),
        cmocka_unit_test(ipv4_addresses_keep_the_order_of_the_server),
        cmocka_unit_test(the_system_says_what_it_would_send_from),
        cmocka_unit_test(files_and_dns_leave_nothing_to_the_system),
        cmocka_unit_test(sources_of_certain_names_are_asked_by_the_system_for_those),
        cmocka_unit_test(other_sources_and_orders_leave_all_to_the_system),
        cmocka_unit_test(a_host_that_is_known_is_told_from_the_next_turn),
        cmocka_unit_test(a_records_fields_are_given_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
