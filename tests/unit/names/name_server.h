/*
 * name_server: a name server of the tests' own, which says what a test wants it to say, also what
 * no honest one does. It lives in the test's thread: `serve` answers what has come, and is called
 * between the turns of the reactor under test.
 */
#ifndef TORC_TESTS_NAMES_NAME_SERVER_H
#define TORC_TESTS_NAMES_NAME_SERVER_H

#include "names/dns_message.h"
#include "names/dns_text.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAMS_MAX = 16 };

typedef struct query {
    struct name_server *server;
    struct sockaddr_in peer;
    int stream; /* -1: it came in a datagram */
    torc__dns_message *message;
    uint8_t bytes[512];
    size_t length;
} query;

typedef struct name_server {
    int udp;
    int tcp;
    uint16_t port;
    int queries;  /* datagrams */
    int streams;
    uint16_t last_port; /* of who asked */
    int waiting[STREAMS_MAX]; /* accepted, and have not asked yet; 0: none */
    void (*behave)(const query *asked);
    const char *zone; /* lines */
    torc__dns_header header; /* flags of what is answered */
    bool add_soa;     /* where there is nothing */
} name_server;

/* -- answering ----------------------------------------------------------------------------- */

static inline void send_bytes(const query *asked, torc_slice bytes)
{
    uint8_t framed[2 + TORC__DNS_MESSAGE_MAX];

    if (asked->stream < 0) {
        (void)sendto(asked->server->udp, bytes.data, bytes.length, 0,
            (const struct sockaddr *)&asked->peer, sizeof asked->peer);
        return;
    }
    torc__dns_set16(framed, (uint16_t)bytes.length);
    memcpy(framed + 2, bytes.data, bytes.length);
    (void)send(asked->stream, framed, 2 + bytes.length, MSG_NOSIGNAL);
}

/* Adds the records of the zone that answer; follows aliases within it. Whether the name exists. */
static inline bool add_records(torc__dns_writer *writer, torc_slice name, uint16_t type,
    const char *zone, int depth, int *count)
{
    static uint8_t storage_bytes[65536];
    torc__dns_lexer lexer = { .rest = torc_slice_of(zone) };
    bool exists = false;

    do {
        torc__dns_bytes storage = { .bytes = storage_bytes, .size = sizeof storage_bytes };
        torc__dns_record record;
        torc__dns_name alias;

        if (!torc__dns_record_parse(&lexer, torc_slice_make(NULL, 0), 60, &storage, &record)
            || !torc__dns_name_equal(record.name, name))
            continue;
        exists = true;
        if (record.type != type && record.type != TORC_RECORD_CNAME)
            continue;
        if (torc__dns_writer_record(writer, TORC__DNS_ANSWER, &record))
            ++*count;
        if (record.type == type || depth == 0)
            continue;
        torc__dns_name_set(&alias, record.data);
        (void)add_records(writer, torc__dns_name_slice(&alias), type, zone, depth - 1, count);
    } while (torc__dns_next_line(&lexer));
    return exists;
}

static inline void add_soa(torc__dns_writer *writer)
{
    static uint8_t bytes[512];
    torc__dns_bytes storage = { .bytes = bytes, .size = sizeof bytes };
    torc__dns_lexer lexer = { .rest = TORC_SLICE("test. 100 SOA ns.test. root.test. 1 2 3 4 50") };
    torc__dns_record record;

    assert_true(torc__dns_record_parse(&lexer, torc_slice_make(NULL, 0), 0, &storage, &record));
    assert_true(torc__dns_writer_record(writer, TORC__DNS_AUTHORITY, &record));
}

/* What an honest server answers, with the header's flags as given. */
static inline torc_slice answer_of(
    const query *asked, const torc__dns_header *flags, int depth, uint8_t *bytes, size_t size)
{
    const torc__dns_question *question = &asked->message->questions[0];
    torc__dns_edns edns = { .present = asked->message->edns.present, .size = 1232 };
    torc__dns_header header = *flags;
    torc__dns_writer writer;
    int count = 0;

    header.id = asked->message->header.id;
    header.is_response = true;
    header.recursion_available = true;
    torc__dns_writer_begin(&writer, bytes, size, &header, &edns);
    (void)torc__dns_writer_question(&writer, question);
    if (!add_records(&writer, question->name, question->type, asked->server->zone, depth, &count))
        writer.header.code = flags->code != 0 ? flags->code : TORC__DNS_NO_NAME;
    if (count == 0 && asked->server->add_soa)
        add_soa(&writer);
    return torc__dns_writer_end(&writer);
}

static inline void answer_honestly(const query *asked)
{
    static uint8_t bytes[TORC__DNS_MESSAGE_MAX];

    send_bytes(asked, answer_of(asked, &asked->server->header, 8, bytes, sizeof bytes));
}

/* Only the first alias, and not where it leads. */
static inline void answer_one_alias(const query *asked)
{
    uint8_t bytes[512];

    send_bytes(asked, answer_of(asked, &asked->server->header, 0, bytes, sizeof bytes));
}

/* -- its life ------------------------------------------------------------------------------ */

static inline int open_socket(int kind, uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(descriptor >= 0);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        close(descriptor);
        return -1;
    }
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return descriptor;
}

/* Both sockets on one port; another is tried where that of the one is taken for the other. */
static inline void name_server_open(name_server *server)
{
    memset(server, 0, sizeof *server);
    server->tcp = -1;
    for (int i = 0; server->tcp < 0; i++) {
        assert_true(i < 50);
        server->udp = open_socket(SOCK_DGRAM, 0, &server->port);
        server->tcp = open_socket(SOCK_STREAM, server->port, &server->port);
        if (server->tcp < 0)
            close(server->udp);
    }
    assert_int_equal(listen(server->tcp, 16), 0);
    server->behave = answer_honestly;
    server->add_soa = true;
    server->zone = "";
}

static inline void name_server_close(name_server *server)
{
    for (size_t i = 0; i < STREAMS_MAX; i++)
        if (server->waiting[i] != 0)
            close(server->waiting[i]);
    close(server->udp);
    close(server->tcp);
}

static inline torc_address name_server_address(const name_server *server)
{
    torc_address address;

    assert_true(torc_address_parse(TORC_SLICE("127.0.0.1"), server->port, &address));
    return address;
}

static inline void behave(name_server *server, query *asked)
{
    assert_int_equal(torc__dns_message_read(
        torc_slice_make(asked->bytes, asked->length), &asked->message), TORC__DNS_OK);
    assert_int_equal(asked->message->question_count, 1);
    server->last_port = ntohs(asked->peer.sin_port);
    asked->server = server;
    server->behave(asked);
    torc__free(asked->message);
}

/* False: it has not asked yet. */
static inline bool serve_stream(name_server *server, int stream)
{
    query asked = { .stream = stream };
    uint8_t framed[600];
    ssize_t length = recv(stream, framed, sizeof framed, MSG_DONTWAIT);

    if (length < 0 && errno == EAGAIN)
        return false;
    if (length > 2) {
        assert_int_equal(torc__dns_get16(framed), length - 2);
        asked.length = (size_t)length - 2;
        memcpy(asked.bytes, framed + 2, asked.length);
        behave(server, &asked);
    }
    close(stream);
    return true;
}

static inline void serve_streams(name_server *server)
{
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        if (server->waiting[i] == 0) {
            int stream = accept(server->tcp, NULL, NULL);

            server->streams += stream >= 0;
            server->waiting[i] = stream >= 0 ? stream : 0;
        }
        if (server->waiting[i] != 0 && serve_stream(server, server->waiting[i]))
            server->waiting[i] = 0;
    }
}

static inline void serve(name_server *server)
{
    query asked = { .stream = -1 };
    socklen_t size = sizeof asked.peer;
    ssize_t length;

    while ((length = recvfrom(server->udp, asked.bytes, sizeof asked.bytes, 0,
                (struct sockaddr *)&asked.peer, &size)) > 0) {
        server->queries++;
        asked.length = (size_t)length;
        behave(server, &asked);
    }
    serve_streams(server);
}

#endif /* TORC_TESTS_NAMES_NAME_SERVER_H */
