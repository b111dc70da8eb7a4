/*
 * transport_harness: runs a table of behaviours over every carrier and every driver.
 *
 * A behaviour is a function of a `world`: a reactor on one driver, and a way for a server and a
 * client to be connected by one carrier. Each connection is a protocol that writes down in its
 * `record` what it was told, and then calls the hooks of its `side`, if there are any. The record
 * outlives the protocol.
 *
 *     static void echoes(world *w)
 *     {
 *         w->server.on_data = write_back;
 *         connect_pair(w);
 *         torc_write(transport_of(client_of(w)), TORC_SLICE("hello"));
 *         RUN_UNTIL(w, client_of(w)->length == 5);
 *     }
 *
 * RUN_UNTIL turns the loop until the condition holds; it fails the test when that takes too long.
 * When a behaviour is over, its reactor is freed, and every descriptor must be closed again.
 */
#ifndef TORC_TESTS_SUPPORT_TRANSPORT_HARNESS_H
#define TORC_TESTS_SUPPORT_TRANSPORT_HARNESS_H

#include <torc/endpoint.h>
#include <torc/failure.h>
#include <torc/line.h>
#include <torc/log.h>
#include <torc/protocol.h>
#include <torc/reactor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct world world;
typedef struct side side;

/* Carriers, as bits, so that a behaviour can name those that it holds on. */
enum {
    ON_TCP = 1 << 0,
    ON_TCP6 = 1 << 1,
    ON_UNIX = 1 << 2,
    ON_MEMORY = 1 << 3,
    ON_PIPES = 1 << 4, /* one for each direction, as between a program and its child */
    ON_PTY = 1 << 5,   /* a raw pseudo-terminal, which has no halves */
    ON_TLS = 1 << 6,        /* over TCP, from the start */
    ON_TLS_MEMORY = 1 << 7, /* started in connection_made, over memory */
    ON_IP = ON_TCP | ON_TCP6,
    ON_SOCKETS = ON_IP | ON_UNIX,
    ON_CLEAR = ON_SOCKETS | ON_MEMORY | ON_PIPES,
    ON_ALL = ON_CLEAR | ON_TLS | ON_TLS_MEMORY,

    /* Where the peer of a connection that was aborted learns that it was. */
    ON_RESETTING = ON_IP | ON_MEMORY | ON_TLS | ON_TLS_MEMORY,

    /* Where both ends are open once they are made. */
    ON_OPEN_WHEN_MADE = ON_CLEAR | ON_TLS,
};

/* What one connection was told. */
typedef struct record {
    world *world;
    side *side;
    void *protocol; /* NULL before connection_made and after connection_lost */
    unsigned made;
    unsigned data;  /* calls of data_received with bytes, or of line_received */
    unsigned read_lost;
    unsigned lost;
    unsigned after_lost; /* calls after connection_lost: there must be none */
    char *bytes;         /* what was received */
    size_t length;
    size_t capacity;
    const torc_failure_type *reason;
    char reason_text[256];
    int note;            /* the behaviour's own */
} record;

enum { RECORDS_MAX = 256 };

struct side {
    world *world;
    const torc_protocol_class *kind; /* NULL: full_class */
    torc_factory *factory;           /* the behaviour's own, or made when it is needed */
    torc_factory_options options;    /* of the latter; its context is the side */
    void (*on_made)(record *self);
    void (*on_data)(record *self, torc_slice data);
    void (*on_read_lost)(record *self);
    void (*on_lost)(record *self);
    bool discards; /* counts the bytes and does not keep them */
    record records[RECORDS_MAX];
    size_t count;
};

struct world {
    torc_reactor *reactor;
    torc_scope *scope;   /* what the port, or the memory link, lives in; ends with the reactor */
    const char *driver;
    unsigned carrier;    /* one of the bits */
    side server;
    side client;
    torc_port *port;
    torc_deferred *connecting;
    char directory[64];
    char endpoint[160];  /* for torc_connect, once listening */
    torc_failure *connect_failure;
    unsigned turns;
    unsigned warnings;
    char warning[256];   /* the last */
    char context[128];   /* of the last thing that was logged */
    char message[256];
    int note;            /* the behaviour's own */
};

typedef struct behaviour {
    const char *name;
    void (*run)(world *w);
    unsigned carriers;
} behaviour;

/* Runs all; what main returns. */
int run_behaviours(const char *suite, const behaviour *behaviours, size_t count);

#define RUN_BEHAVIOURS(suite, table) run_behaviours(suite, table, sizeof(table) / sizeof(table)[0])

/* -- connecting ---------------------------------------------------------------------------- */

/* With read_lost, and without. */
extern const torc_protocol_class full_class;
extern const torc_protocol_class plain_class;

/* The first connection of each side; of a carrier without sides, one end and the other. */
static inline record *server_of(world *w)
{
    return &w->server.records[0];
}

static inline record *client_of(world *w)
{
    return &w->client.records[0];
}

/* The next connection's record; protocols that are not the harness's own ask in connection_made. */
record *next_record(side *of, void *protocol);

/* Notes the reason, and that no more may come. */
void note_lost(record *self, const torc_failure *reason);
void note_bytes(record *self, torc_slice data);

/* Connects one more client; w->server and w->client say what with. Listens at the first. */
void begin_listening(world *w);
void begin_connecting(world *w);

/* As begin_connecting, and runs until both ends are made, and are open. */
void connect_pair(world *w);

/* A blocking socket of the test's own, connected to the port. */
int connect_raw(world *w);

/* Its close resets the connection. */
void close_raw_with_reset(int descriptor);

static inline torc_transport *transport_of(const record *self)
{
    return ((torc_protocol *)self->protocol)->transport;
}

/* Both ends were made and have ended, and nothing was told after that. */
bool both_lost(world *w);

void assert_reason(const record *self, const torc_failure_type *type);
void assert_bytes(const record *self, torc_slice expected);

/* `length` bytes that are not the same at any two offsets that matter; static. */
enum { PATTERN_MAX = 9 * 1024 * 1024 };
torc_slice pattern(size_t offset, size_t length);

/* A new descriptor of a temporary file with these bytes. */
int file_with(torc_slice bytes);

/* Open descriptors of the process. */
unsigned open_descriptors(void);

/* Frees the reactor and what the records hold, and makes it anew: for behaviours that repeat. */
void renew_world(world *w);

/* -- running ------------------------------------------------------------------------------- */

/* One turn; fails the test, naming the condition, when `deadline` has passed. */
void turn_or_fail(world *w, torc_time deadline, const char *condition, const char *file, int line);

#define RUN_TIME_MAX (4 * TORC_SECOND)

#define RUN_UNTIL(w, condition) \
    do { \
        torc_time run_deadline = torc_monotonic_now() + RUN_TIME_MAX; \
        while (!(condition)) \
            turn_or_fail((w), run_deadline, #condition, __FILE__, __LINE__); \
    } while (0)

/* Some turns that do not wait: what has not happened after them is not going to. */
void run_turns(world *w, unsigned turns);

#endif /* TORC_TESTS_SUPPORT_TRANSPORT_HARNESS_H */
