/*
 * tls_ask: says a line to a TLS server, shows what TLS was agreed upon and the first line of the
 * answer; as often as the third argument says, so that one sees sessions being gone on with.
 *
 *     $ ./tls_ask tls:localhost:8443:authorities=ca.pem hello 2
 */
#include <stdio.h>
#include <stdlib.h>

#include <torc.h>
#include <torc/line.h>
#include <torc/tls.h>

static torc_reactor *reactor;
static const char *endpoint;
static const char *question;
static int times = 1;

static void ask(void);

static void asker_made(torc_protocol *protocol)
{
    char name[256];
    torc_tls_info info;

    if (torc_tls_of(protocol->transport, &info)) {
        torc_tls_peer_name(protocol->transport, name, sizeof name);
        printf("%s, %s, %s, %s\n", info.version, info.cipher,
            info.resumed ? "resumed" : "new", name[0] != '\0' ? name : "no certificate");
    }
    torc_line_send(torc_of(protocol, torc_line_receiver), torc_slice_of(question));
}

static void answered(torc_line_receiver *self, torc_slice line)
{
    printf("%.*s\n", TORC_FMT(line));
    torc_lose_connection(self->protocol.transport);
}

static void asker_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    if (torc_failure_type_of(reason) != &torc_error_connection_done)
        fprintf(stderr, "tls_ask: %s\n", torc_failure_text(reason));
    ask();
}

static const torc_line_class asker_class = {
    .protocol = { .name = "Asker", .connection_made = asker_made, .connection_lost = asker_lost },
    .delimiter = "\n",
    .line_received = answered,
};

static torc_result fail(void *unused, torc_result failed)
{
    (void)unused;
    fprintf(stderr, "tls_ask: %s\n", torc_failure_text(torc_result_failure(failed)));
    torc_stop_with(reactor, 1);
    return torc_nothing();
}

static void ask(void)
{
    if (times-- > 0)
        torc_add_errback(torc_connect(torc_root(reactor), endpoint,
            torc_line_factory(&asker_class)), fail, NULL);
    else
        torc_stop(reactor);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: tls_ask ENDPOINT TEXT [TIMES]\n");
        return 64;
    }
    endpoint = argv[1];
    question = argv[2];
    times = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    torc_tls_use();
    reactor = torc_reactor_new();
    ask();
    return torc_run(reactor);
}
