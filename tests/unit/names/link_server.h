/*
 * link_server: a name server of the tests' own on connections that are kept. It is a Torc protocol,
 * so it listens on any endpoint, in the reactor of the test; what it says stands in a zone as of
 * name_server.h. It can hold its answers back, and give them in the opposite order.
 */
#ifndef TORC_TESTS_NAMES_LINK_SERVER_H
#define TORC_TESTS_NAMES_LINK_SERVER_H

#include "name_server.h"

#include <torc/endpoint.h>
#include <torc/protocol.h>
#include <torc/reactor.h>
#include <torc/transport.h>

#include "names/dns_frame.h"

enum { HELD_MAX = 64 };

typedef struct server_connection {
    torc_protocol protocol;
    torc__dns_frame frame;
} server_connection;

typedef struct held_question {
    torc_protocol *from;
    uint8_t bytes[512];
    size_t length;
} held_question;

static struct {
    name_server names; /* its zone, and the flags of what is answered */
    int connections;
    int open;
    int questions;
    int padded;        /* of them, those of a multiple of 128 bytes, with EDNS padding */
    bool holds;
    bool is_silent;
    int closes_at;     /* a question that it answers by closing; 0: none */
    bool always_closes;
    bool lies;         /* about the id, first */
    held_question held[HELD_MAX];
    size_t held_count;
    torc_protocol *last;
} link_server;

static inline void send_framed(torc_protocol *to, torc_slice bytes)
{
    uint8_t length[2];

    torc__dns_set16(length, (uint16_t)bytes.length);
    torc_write(to->transport, torc_slice_make(length, 2));
    torc_write(to->transport, bytes);
}

static inline bool is_padded(const torc__dns_message *message, size_t length)
{
    torc_slice options = message->edns.options;

    return length % 128 == 0 && options.length >= 4
        && torc__dns_get16((const uint8_t *)options.data) == 12;
}

static inline void answer_one(torc_protocol *to, torc_slice bytes)
{
    static uint8_t out[TORC__DNS_MESSAGE_MAX];
    query asked = { .server = &link_server.names };
    torc__dns_outcome outcome = torc__dns_message_read(bytes, &asked.message);
    torc_slice answer;

    assert_int_not_equal(outcome, TORC__DNS_MALFORMED);
    if (outcome == TORC__DNS_NO_MEMORY)
        return;
    link_server.padded += is_padded(asked.message, bytes.length);
    answer = answer_of(&asked, &link_server.names.header, 8, out, sizeof out);
    torc__free(asked.message);
    if (link_server.lies) {
        out[0] ^= 1;
        send_framed(to, answer);
        out[0] ^= 1;
    }
    send_framed(to, answer);
}

static inline void answer_held_backwards(void)
{
    link_server.holds = false;
    while (link_server.held_count > 0) {
        held_question *held = &link_server.held[--link_server.held_count];

        answer_one(held->from, torc_slice_make(held->bytes, held->length));
    }
}

static inline void question_came(torc_protocol *from, torc_slice bytes)
{
    held_question *held = &link_server.held[link_server.held_count];

    link_server.questions++;
    if (link_server.is_silent)
        return;
    if (link_server.always_closes || link_server.questions == link_server.closes_at) {
        torc_abort_connection(from->transport);
        return;
    }
    if (!link_server.holds) {
        answer_one(from, bytes);
        return;
    }
    assert_true(link_server.held_count < HELD_MAX && bytes.length <= sizeof held->bytes);
    link_server.held_count++;
    held->from = from;
    held->length = bytes.length;
    memcpy(held->bytes, bytes.data, bytes.length);
}

static inline void connection_came(torc_protocol *protocol)
{
    link_server.connections++;
    link_server.open++;
    link_server.last = protocol;
}

static inline void connection_data(torc_protocol *protocol, torc_slice data)
{
    server_connection *self = torc_of(protocol, server_connection);
    torc__dns_frame_outcome outcome;
    torc_slice message;

    while ((outcome = torc__dns_frame_take(&self->frame, &data, &message))
        == TORC__DNS_FRAME_WHOLE)
        question_came(protocol, message);
    if (outcome == TORC__DNS_FRAME_NO_MEMORY)
        torc_abort_connection(protocol->transport);
}

static inline void connection_went(torc_protocol *protocol, const torc_failure *reason)
{
    (void)reason;
    link_server.open--;
    link_server.last = NULL;
    torc__dns_frame_clear(&torc_of(protocol, server_connection)->frame);
}

static const torc_protocol_class link_server_class = {
    .name = "Name server",
    .size = sizeof(server_connection),
    .connection_made = connection_came,
    .data_received = connection_data,
    .connection_lost = connection_went,
};

static inline void link_server_listen(torc_scope *scope, const char *endpoint, const char *zone)
{
    memset(&link_server, 0, sizeof link_server);
    link_server.names.zone = zone;
    link_server.names.add_soa = true;
    (void)torc_listen(scope, endpoint, torc_factory_of(&link_server_class));
}

#endif /* TORC_TESTS_NAMES_LINK_SERVER_H */
