/*
 * datagram_harness: runs a table of behaviours of datagram transports over every carrier and every
 * driver, as transport_harness does for connections.
 *
 * A behaviour is a function of an `arena`: a reactor on one driver, and a way for `one` and `other`
 * to reach each other by one carrier. Each is a protocol that writes down in its `probe` what it
 * was told, and then calls the probe's hooks, if there are any. The probe outlives the protocol.
 *
 *     static void echoes(arena *a)
 *     {
 *         a->one.on_received = send_back;
 *         open_pair(a);                       // other is connected to one
 *         torc_send(a->other.transport, TORC_SLICE("hello"));
 *         AWAIT(a, a->other.received == 1);
 *     }
 *
 * When a behaviour is over, its reactor is freed, and every descriptor must be closed again.
 */
#ifndef TORC_TESTS_SUPPORT_DATAGRAM_HARNESS_H
#define TORC_TESTS_SUPPORT_DATAGRAM_HARNESS_H

#include <torc/datagram.h>
#include <torc/log.h>
#include <torc/reactor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Carriers, as bits, so that a behaviour can name those that it holds on. */
enum {
    BY_UDP4 = 1 << 0,
    BY_UDP6 = 1 << 1,
    BY_UNIX = 1 << 2,
    BY_ABSTRACT = 1 << 3, /* a UNIX socket without a file */
    BY_MEMORY = 1 << 4,
    BY_UDP = BY_UDP4 | BY_UDP6,
    BY_LOCAL = BY_UNIX | BY_ABSTRACT,
    BY_SOCKETS = BY_UDP | BY_LOCAL,
    BY_ALL = BY_SOCKETS | BY_MEMORY,
};

enum { KEPT_MAX = 4096 };

typedef struct arena arena;
typedef struct probe probe;

struct probe {
    arena *arena;
    torc_datagram_protocol *protocol;   /* NULL before it is made and after `stopped` */
    torc_datagram_transport *transport; /* as long */
    unsigned started;
    unsigned received;
    unsigned truncated;
    unsigned refused;
    unsigned room;
    unsigned stopped;
    unsigned after_stop;                /* calls after `stopped`: there must be none */
    size_t bytes;                       /* in all */
    size_t lengths[KEPT_MAX];           /* of the first datagrams */
    char first[KEPT_MAX];               /* their first bytes; 0: an empty one */
    char last[1024];                    /* the start of the last */
    torc_address peer;                  /* of the last */
    const torc_failure_type *reason;
    const torc_failure_type *refusal;
    bool damaged;                       /* one was not as `patterned` makes them */
    bool patterns;                      /* check that */
    void (*on_started)(probe *self);
    void (*on_received)(probe *self, torc_slice bytes, const torc_address *peer);
    void (*on_refused)(probe *self);
    void (*on_room)(probe *self);
    void (*on_stopped)(probe *self);
    int note;                           /* the behaviour's own */
};

struct arena {
    torc_reactor *reactor;
    torc_scope *scope;
    const char *driver;
    unsigned carrier;
    probe one;
    probe other;
    probe third;
    unsigned sockets;  /* that were given a name: those of abstract ones must differ */
    char directory[64];
    unsigned warnings;
    char warning[256];
    int note;
};

typedef struct datagram_behaviour {
    const char *name;
    void (*run)(arena *a);
    unsigned carriers;
} datagram_behaviour;

int run_datagram_behaviours(
    const char *suite, const datagram_behaviour *behaviours, size_t count);

#define RUN_DATAGRAM_BEHAVIOURS(suite, table) \
    run_datagram_behaviours(suite, table, sizeof(table) / sizeof(table)[0])

extern const torc_datagram_class probe_class;

/* Opens by the carrier: something to be sent to, with `options` behind its description. */
void open_listening(arena *a, probe *self, const char *options);

/* Opens something connected to what `peer` is. */
void open_connected(arena *a, probe *self, const probe *peer, const char *options);

/* Notes a protocol that the behaviour opened itself. */
void attach(arena *a, probe *self, torc_datagram_protocol *protocol);

/* `one`, and `other` connected to it (or the two ends in memory); runs until both have started. */
void open_pair(arena *a);

/* `one` and `other` that are connected to nobody. Sockets only. */
void open_two(arena *a);

/* Where to send to reach it. */
torc_address address_of(const probe *self);

/* From `other` to `one`, however they were opened. */
bool send_to_one(arena *a, torc_slice bytes);

/* A datagram whose bytes follow from its length and number; static. */
torc_slice patterned(size_t length, unsigned number);

unsigned descriptors_open(void);

/* -- running ------------------------------------------------------------------------------- */

void turn_or_give_up(
    arena *a, torc_time deadline, const char *condition, const char *file, int line);

#define AWAIT_TIME_MAX (4 * TORC_SECOND)

#define AWAIT(a, condition) \
    do { \
        torc_time await_deadline = torc_monotonic_now() + AWAIT_TIME_MAX; \
        while (!(condition)) \
            turn_or_give_up((a), await_deadline, #condition, __FILE__, __LINE__); \
    } while (0)

/* Some turns that do not wait: what has not happened after them is not going to. */
void make_turns(arena *a, unsigned turns);

#endif /* TORC_TESTS_SUPPORT_DATAGRAM_HARNESS_H */
