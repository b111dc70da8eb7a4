/*
 * TLS over the pipes of a child. The child is this program itself, run with the files that it needs
 * as arguments: it answers each line in TLS on its standard input and output.
 */
#include "tls/ends.h"

#include <torc/line.h>
#include <torc/process.h>

static torc_tls *tls_of_side;

/* -- the child ------------------------------------------------------------------------------- */

static torc_reactor *childs_reactor;

static void child_made(torc_protocol *protocol)
{
    torc_start_tls(protocol, tls_of_side, NULL);
}

static void child_line(torc_line_receiver *self, torc_slice line)
{
    torc_printf(self, "heard %.*s\r\n", TORC_FMT(line));
}

static void child_lost(torc_protocol *protocol, const torc_failure *reason)
{
    bool clean = torc_failure_type_of(reason) == &torc_error_connection_done;

    (void)protocol;
    torc_stop_with(childs_reactor, clean ? 0 : 1);
}

static const torc_line_class child_class = {
    .protocol = { .name = "Child", .connection_made = child_made, .connection_lost = child_lost },
    .line_received = child_line,
};

static int be_child(const char *certificate)
{
    torc_tls_options options = { .certificate = certificate };
    torc_failure *failure = NULL;
    int status;

    childs_reactor = torc_reactor_new();
    tls_of_side = torc_tls_server_new(&options, &failure);
    if (tls_of_side == NULL)
        return 2;
    torc_attach_stdio(torc_root(childs_reactor), torc_line_factory(&child_class));
    status = torc_run(childs_reactor);
    torc_tls_release(tls_of_side);
    return status;
}

/* -- the parent ------------------------------------------------------------------------------ */

static void parent_made(torc_protocol *protocol)
{
    client_made(protocol);
    torc_start_tls(protocol, tls_of_side, "localhost");
    torc_printf(protocol, "through pipes\r\n");
}

static const torc_protocol_class parent_class = {
    .name = "Parent",
    .size = sizeof(end),
    .connection_made = parent_made,
    .data_received = end_data,
    .connection_lost = client_gone,
};

static void tls_goes_over_the_pipes_of_a_child(void **state)
{
    torc_tls_options options = { .authorities = path_of("authority.pem") };
    const char *const command[] = { "/proc/self/exe", "child", path_of("good.pem"), NULL };
    torc_failure *failure = NULL;
    torc_tls_info info;

    (void)state;
    tls_of_side = torc_tls_client_new(&options, &failure);
    assert_non_null(tls_of_side);
    torc_add_errback(torc_connect_process(torc_root(reactor), command,
        torc_factory_of(&parent_class)), note_failed, NULL);
    RUN_UNTIL((client != NULL && client->length == 21) || failed[0] != '\0');
    assert_string_equal(failed, "");
    assert_string_equal(client->text, "heard through pipes\r\n");
    assert_true(torc_tls_of(client->protocol.transport, &info));
    assert_true(info.verified);
    torc_lose_write(client->protocol.transport); /* the child's close_notify answers it */
    RUN_UNTIL(client == NULL);
    assert_ptr_equal(client_lost_type, &torc_error_connection_done);
    torc_tls_release(tls_of_side);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tls_goes_over_the_pipes_of_a_child, set_up, tear_down),
    };

    if (argc == 3 && strcmp(argv[1], "child") == 0)
        return be_child(argv[2]);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
