/*
 * tls_look_up: what the DNS says of names, asked so that nobody on the way can read it.
 *
 *     tls_look_up tls:9.9.9.9:853:name=dns.quad9.net NAME [TYPE]
 *
 * The first word is the name server as an endpoint. Exit status 1 where nothing is found.
 */
#include <torc.h>
#include <torc/names.h>
#include <torc/tls.h>

#include <stdio.h>

static torc_result show(void *reactor, torc_result found)
{
    const torc_records *records = torc_result_records(found);
    static char text[300000];

    for (size_t i = 0; i < records->count; i++) {
        torc_record_text(&records->list[i], text, sizeof text);
        puts(text);
    }
    torc_stop(reactor);
    return torc_nothing();
}

static torc_result complain(void *reactor, torc_result failed)
{
    const torc_failure *failure = torc_result_failure(failed);

    for (; failure != NULL; failure = torc_failure_cause(failure))
        fprintf(stderr, "tls_look_up: %s\n", torc_failure_text(failure));
    torc_stop_with(reactor, 1);
    return torc_nothing();
}

static void use_server(torc_reactor *reactor, const char *endpoint)
{
    torc_resolver_options options = {
        .connect = torc_connect, .endpoints = &endpoint, .endpoint_count = 1 };

    torc_tls_use();
    torc_use_resolver(reactor, torc_resolver_new(torc_root(reactor), &options));
}

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    uint16_t type = TORC_RECORD_A;

    if (argc < 3 || (argc > 3 && !torc_record_type_parse(torc_slice_of(argv[3]), &type))) {
        fprintf(stderr, "usage: tls_look_up ENDPOINT NAME [TYPE]\n");
        return 2;
    }
    use_server(reactor, argv[1]);
    torc_add_callbacks(torc_look_up(torc_root(reactor), argv[2], (torc_record_type)type), show,
        complain, reactor);
    return torc_run(reactor);
}
