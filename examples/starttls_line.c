/*
 * starttls_line: a server of lines that goes on in TLS when the client asks for it, as mail servers
 * do. Its certificate is made on the spot; with a file as second argument, it stands in there.
 *
 *     $ ./starttls_line tcp:8025
 *     $ printf 'who\r\n' | nc localhost 8025
 */
#include <stdio.h>

#include <torc.h>
#include <torc/line.h>
#include <torc/tls.h>

static torc_tls *tls;

static void line_made(torc_protocol *self)
{
    torc_printf(self, "220 ready: who, starttls, quit\r\n");
}

static void tell_who(torc_line_receiver *self)
{
    torc_tls_info info;

    if (torc_tls_of(self->protocol.transport, &info))
        torc_printf(self, "250 we speak %s, and nobody hears us\r\n", info.version);
    else
        torc_printf(self, "250 we speak in clear\r\n");
}

static void start(torc_line_receiver *self)
{
    torc_tls_info info;

    if (torc_tls_of(self->protocol.transport, &info)) {
        torc_printf(self, "503 that is done\r\n");
        return;
    }
    torc_printf(self, "220 go ahead\r\n"); /* the last words in clear */
    torc_add_errback(torc_start_tls(self, tls, NULL), torc_log_failure, "TLS");
}

static void line_received(torc_line_receiver *self, torc_slice line)
{
    if (torc_slice_is(line, "who")) {
        tell_who(self);
    } else if (torc_slice_is(line, "starttls")) {
        start(self);
    } else if (torc_slice_is(line, "quit")) {
        torc_printf(self, "221 bye\r\n");
        torc_lose_connection(self->protocol.transport);
    } else {
        torc_printf(self, "500 what?\r\n");
    }
}

static const torc_line_class line_class = {
    .protocol = { .name = "Line", .connection_made = line_made },
    .line_received = line_received,
};

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_tls_options options = { .certificate = argc > 2 ? argv[2] : NULL };
    torc_failure *failure = NULL;
    int status;

    tls = argc > 2 ? torc_tls_server_new(&options, &failure)
                   : torc_tls_self_signed("localhost", &failure);
    if (tls == NULL) {
        fprintf(stderr, "starttls_line: %s\n", torc_failure_text(failure));
        torc_failure_release(failure);
        return 1;
    }
    torc_listen(torc_root(reactor), argc > 1 ? argv[1] : "tcp:8025", torc_line_factory(&line_class));
    status = torc_run(reactor);
    torc_tls_release(tls);
    return status;
}
