/*
 * A protocol that notes what it is told, for the tests of what torc_attach and its like make; one
 * connection at a time.
 */
#ifndef TORC_TESTS_TRANSPORT_ATTACH_SUPPORT_H
#define TORC_TESTS_TRANSPORT_ATTACH_SUPPORT_H

#include "transport/process_support.h"

typedef struct talker {
    torc_protocol protocol; /* first */
} talker;

static torc_transport *transport; /* of the last that was made; NULL once it is lost */
static const char *greeting;      /* written in connection_made */
static bool ends_at_end;          /* of the input */

static void made(torc_protocol *protocol)
{
    transport = protocol->transport;
    note("made ");
    if (greeting != NULL)
        torc_write(transport, torc_slice_of(greeting));
}

static void data(torc_protocol *protocol, torc_slice bytes)
{
    (void)protocol;
    note("%.*s ", TORC_FMT(bytes));
}

static void read_lost(torc_protocol *protocol)
{
    note("end ");
    if (ends_at_end)
        torc_lose_connection(protocol->transport);
}

static void lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)protocol;
    note("lost:%s ", torc_failure_type_of(reason)->name);
    transport = NULL;
    done = true;
}

static const torc_protocol_class talker_class = {
    .name = "Talker",
    .size = sizeof(talker),
    .connection_made = made,
    .data_received = data,
    .read_lost = read_lost,
    .connection_lost = lost,
};

static TORC_UNUSED torc_result note_failure(void *self, torc_result failed)
{
    (void)self;
    note("%s ", torc_failure_text(torc_result_failure(failed)));
    done = true;
    return torc_nothing();
}

static TORC_UNUSED void make_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

/* What the test reads from does not block it. */
static TORC_UNUSED void make_out(int ends[2])
{
    make_pipe(ends);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
}

#endif /* TORC_TESTS_TRANSPORT_ATTACH_SUPPORT_H */
