/*
 * consumer: a program by somebody who has installed Torc; check_installed.sh compiles and runs it.
 *
 * Two protocols talk through memory, so that it needs no network: one asks, the other echoes, and
 * when the answer has come whole, the program ends well. It includes and links as a user's would,
 * and its status is 0 only if headers and library are of the same version and both work.
 */
#include <torc.h>

#include <stdio.h>
#include <string.h>

static void echo_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static const torc_protocol_class echo = { .name = "Echo", .data_received = echo_data };

typedef struct asker {
    torc_protocol protocol;
    size_t received;
} asker;

static const char question[] = "is anybody there?";

static void asker_made(torc_protocol *self)
{
    torc_write(self->transport, torc_slice_of(question));
}

static void asker_data(torc_protocol *self, torc_slice data)
{
    asker *me = torc_of(self, asker);

    me->received += data.length;
    if (me->received == strlen(question)) {
        puts("answered");
        torc_stop(torc_transport_reactor(self->transport));
    }
}

static const torc_protocol_class asker_class = {
    .name = "Asker",
    .size = sizeof(asker),
    .connection_made = asker_made,
    .data_received = asker_data,
};

static void give_up(void *reactor)
{
    fputs("no answer\n", stderr);
    torc_stop_with(reactor, 1);
}

int main(void)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_scope *root = torc_root(reactor);

    if (strcmp(torc_version(), TORC_VERSION) != 0) {
        fprintf(stderr, "headers of %s, library of %s\n", TORC_VERSION, torc_version());
        return 1;
    }
    torc_call_later(root, 10 * TORC_SECOND, give_up, reactor);
    if (!torc_connect_in_memory(root, torc_factory_of(&echo), torc_factory_of(&asker_class)))
        return 1;
    return torc_run(reactor);
}
