/*
 * The inside of the simulated network. Everything happens in one thread and out of one seed:
 *
 *   sim.c          the network as a whole, and the clock that moves from one event to the next
 *   sim_host.c     hosts: what they have, how they crash and come up again; links between them
 *   sim_names.c    which addresses a name has
 *   sim_events.c   the queue of what is to happen, ordered by time and then by sequence
 *   sim_driver.c   the torc_driver of a host: what its reactor asks for and is told
 *   sim_socket.c   connections: two sockets each; opening, sending, closing
 *   sim_link.c     how a socket's segments travel: delay, bandwidth, loss, partitions
 *   sim_datagram.c sockets of datagrams, and how those travel
 *   sim_faults.c   what goes wrong, and when
 *   sim_world.c    what a process has one of: memory, the wall clock, randomness
 *   sim_peer.c     peers that the test plays itself
 *   sim_seeds.c    many seeds, and the search for fewer faults that fail too
 *
 * Invariants: no address in memory, no hash's order and no clock of the machine has any influence
 * on what happens; a segment arrives in the order in which its socket sent it; reactors are told
 * things only from their own turn.
 */
#ifndef TORC_TESTING_SIM_H
#define TORC_TESTING_SIM_H

#include <torc/driver.h>
#include <torc/testing.h>

#include "base/list.h"
#include "base/random.h"
#include "testing/fail.h"
#include "testing/watch.h"

/* What a receiver takes, on its way and waiting, before its peer's sends become pending. */
#define TORC__SIM_WINDOW ((size_t)64 * 1024)

/* The largest piece that travels as one where pieces can be lost or take their time. */
#define TORC__SIM_PACKET ((size_t)1460)

typedef struct torc__sim_socket torc__sim_socket;
typedef struct torc__sim_connection torc__sim_connection;

/* -- events: sim_events.c ------------------------------------------------------------------ */

typedef void torc__sim_call(torc_sim *sim, void *argument);

typedef struct torc__sim_event {
    torc_time time;
    uint64_t sequence;
    torc__sim_call *call;
    void *argument;
    bool waits; /* nothing moves until then */
} torc__sim_event;

typedef struct torc__sim_events {
    torc__sim_event *heap;
    size_t count;
    size_t capacity;
    size_t moving; /* those for which torc_sim_run goes on */
    uint64_t sequence;
} torc__sim_events;

/* Something is on its way until then. */
void torc__sim_add_event(torc_sim *sim, torc_time time, torc__sim_call *call, void *argument);

/* As torc__sim_add_event; but the network is at rest until then. */
void torc__sim_add_wait(torc_sim *sim, torc_time time, torc__sim_call *call, void *argument);

/* TORC_NEVER when nothing is to happen. */
torc_time torc__sim_next_event(const torc_sim *sim);

/* Runs the earliest, which must exist. */
void torc__sim_run_event(torc_sim *sim);

/* -- hosts: sim_host.c --------------------------------------------------------------------- */

/* From one host to another: how segments travel. */
typedef struct torc__sim_route {
    struct torc__sim_route *next; /* of those that leave the host */
    torc_sim_host *to;
    torc_sim_link link;
    torc_time busy_until; /* the last bit sent has left by then */
    bool cut;             /* by torc_sim_partition */
    unsigned partitions;  /* by faults, under way */
} torc__sim_route;

enum { TORC__SIM_FAULTS = 16, TORC__SIM_NAME_SIZE = 64 };

/* Embed it first in what a host's reactor has to be told of. */
typedef struct torc__sim_ready {
    torc__list link;
    void (*tell)(struct torc__sim_ready *ready);
} torc__sim_ready;

typedef struct torc__sim_listener {
    torc__sim_ready ready; /* first */
    torc__list link;       /* in its host */
    torc_sim_host *host;
    torc_io *io;
    torc_address address;
    torc_socket_options options;
    torc__list backlog;    /* of sockets: made, and not accepted */
    size_t waiting;
    bool accepts;
} torc__sim_listener;

struct torc_sim_host {
    torc_sim_host *next;
    torc_sim *sim;
    unsigned number;
    char name[TORC__SIM_NAME_SIZE];
    torc_address address;
    torc_reactor *reactor;   /* NULL: the outside, from where raw peers dial */
    torc__list ready;        /* what its reactor is to be told in its next turn */
    torc__list listeners;
    torc__list datagrams;    /* sockets of them, those that are closed too */
    torc__list old_listeners; /* which may be looked at still */
    torc__list accepted;     /* sockets that were told by number and not adopted yet */
    torc__sim_route *routes;
    torc_time short_until;   /* no descriptors before */
    int next_number;         /* of an accepted connection */
    uint16_t next_port;
    bool crashed;
    bool crashes_soon;       /* a fault has it crash, or come up again */
    torc_sim_boot *boot;
    void *boot_argument;
    torc_sim_limits limits;
    size_t memory;           /* held, since there is a limit */
    uint64_t occasions[TORC__SIM_FAULTS]; /* on which each fault might have happened here */
};

typedef struct torc__sim_name {
    struct torc__sim_name *next;
    torc_sim_host *host;
    char text[];
} torc__sim_name;

typedef struct torc__sim_happening {
    uint64_t occasion;
    torc_time time;
    torc_sim_fault fault;
    char host[TORC__SIM_NAME_SIZE];
} torc__sim_happening;

struct torc_sim {
    torc__watch *watch;
    torc_sim *outer;          /* made before this one, and still there */
    torc_sim_options options;
    unsigned faults;          /* torc_sim_fault, ored */
    unsigned fault_rate;
    torc__random random;      /* for the network's own chance: jitter, loss */
    torc__random hash_keys;   /* for what the program takes for random */
    torc__sim_events events;
    torc_time now;
    torc_time wall_offset;
    uint64_t history;
    torc_sim_host *hosts;
    torc_sim_host **last_host;
    unsigned host_count;
    torc_sim_host *outside;
    torc_sim_host *server;    /* NULL: not asked for */
    torc__sim_name *names;
    torc__sim_name **last_name;
    torc_sim_host *running;   /* whose reactor runs now */
    torc__list connections;
    torc__list datagrams;     /* on their way */
    torc_sim_peer *peers;
    torc__random choices;     /* of the fault that is happening */
    torc__sim_happening *happened;
    size_t happened_count;
    size_t happened_capacity;
    bool ending;
};

torc_sim_host *torc__sim_make_host(torc_sim *sim, const char *name, const char *address);
void torc__sim_free_hosts(torc_sim *sim);

/* A moment at which a host may crash. */
void torc__sim_may_crash(torc_sim_host *host);

/* The host that has the address, seen from `from`; NULL when there is none. */
torc_sim_host *torc__sim_find_host(torc_sim_host *from, const torc_address *address);

/* -- the network: sim.c -------------------------------------------------------------------- */

/* As torc_sim_free, whoever's it is; what is wrong goes into the report. */
void torc__sim_free(torc_sim *sim, torc__report *report);

/* Adds to the history. */
void torc__sim_note(torc_sim *sim, const torc_sim_host *host, const char *what, torc_slice bytes);

/* Has the host's reactor run, and tell. */
void torc__sim_make_ready(torc_sim_host *host, torc__sim_ready *ready);

/* -- the driver: sim_driver.c -------------------------------------------------------------- */

/* Makes the host's reactor. */
void torc__sim_open_reactor(torc_sim_host *host);

/* Frees it, and reports what it left open. */
void torc__sim_close_reactor(torc_sim_host *host, torc__report *report);

/* -- sockets: sim_socket.c ----------------------------------------------------------------- */

typedef enum torc__sim_kind {
    TORC__SIM_SYN,
    TORC__SIM_SYN_ACK,
    TORC__SIM_DATA,
    TORC__SIM_FIN,
    TORC__SIM_RST,
} torc__sim_kind;

typedef struct torc__sim_segment {
    struct torc__sim_segment *next;
    torc_time arrival;
    torc__sim_kind kind;
    unsigned tries;
    size_t start; /* of what is left */
    size_t length;
    char bytes[];
} torc__sim_segment;

typedef struct torc__sim_queue {
    torc__sim_segment *first;
    torc__sim_segment **last;
    size_t size; /* in bytes */
} torc__sim_queue;

enum { TORC__SIM_PIECES_MAX = 64 };

/* One end of a connection. Its peer is the other one of connection->ends. */
struct torc__sim_socket {
    torc__sim_ready ready; /* first */
    torc__list link;       /* in a backlog, or in host->accepted */
    torc__sim_connection *connection;
    torc__sim_socket *other;
    torc_sim_host *host;
    torc__sim_route *route;      /* to the other's host */
    torc_address address;
    torc_io *io;                 /* who is told; NULL: nobody yet, or no more */
    torc_sim_peer *peer;         /* in place of an io: one that the test plays */
    int number;                  /* by which it was told as accepted */
    torc__sim_queue inbox;       /* has arrived */
    torc__sim_queue outgoing;    /* on its way to the other */
    torc_time last_arrival;      /* of what is on its way: nothing overtakes */
    torc_time scheduled;         /* when the next arrival is looked at; TORC_NEVER: not at all */
    int error;                   /* how it broke */
    bool connecting;
    bool connect_over;           /* ... and it is to be told */
    bool receives;
    bool blocked;                /* `sent` is to tell when it can go on */
    bool unblocks;               /* the event for that is under way */
    bool can_go_on;              /* ... and has come */
    bool finished;               /* our half is closed */
    bool ended;                  /* the other's half is, after what is in the inbox */
    bool end_told;
    bool closed;
    bool close_is_late;          /* `closed` is to be told */
    torc_time keep_alive;        /* idle for so long, it asks whether the other is there; or 0 */
    torc_time last_heard;
    unsigned probes;             /* that were not answered */
    bool forgotten;              /* its host has crashed, and knows nothing of it */
    torc_time busy_until;        /* of a slow connection: the last bit has left by then */
    int late_count;              /* of a send that is told when it is done: its pieces */
    struct iovec late[TORC__SIM_PIECES_MAX];
};

struct torc__sim_connection {
    torc__list link;
    torc_sim *sim;
    torc__sim_socket ends[2]; /* who connected, and who was connected to */
    unsigned events;          /* that point here */
    bool dead;                /* nothing arrives any more */
    uint64_t bytes_per_second; /* 0: it is not slow */
    bool severed;             /* bytes were lost for good: nothing but resets may arrive */
};

/* Begins to connect from `host`; `connected` will tell. A negative errno in *ret_error or NULL. */
torc__sim_socket *torc__sim_connect(torc_sim_host *host, const torc_address *peer,
    const torc_address *local, int *ret_error);

/* Tells the io what there is to tell; from its reactor's turn. */
void torc__sim_tell(torc__sim_ready *ready);

/* Whoever waits for it is told soon. */
void torc__sim_wake(torc__sim_socket *socket);

/* How much the socket can send. */
size_t torc__sim_room(const torc__sim_socket *socket);

/* As an io's. */
ssize_t torc__sim_send(torc__sim_socket *socket, const struct iovec *pieces, int count);
int torc__sim_finish(torc__sim_socket *socket);
void torc__sim_close(torc__sim_socket *socket, bool reset);

/* As torc__sim_close; the io's `closed` tells. */
void torc__sim_close_late(torc__sim_socket *socket, bool reset);

/* The first bytes of the inbox are read: at most `size`. Gives how many. */
size_t torc__sim_read(torc__sim_socket *socket, char *bytes, size_t size);

/* Whether a segment that comes to the socket is taken now. If not, it must come again. */
bool torc__sim_admits(torc__sim_socket *socket, const torc__sim_segment *segment);

/* The segment has come to the socket, and is its own now. */
void torc__sim_arrived(torc__sim_socket *socket, torc__sim_segment *segment);

/* The socket is broken from now on. */
void torc__sim_break(torc__sim_socket *socket, int error);

/* Its host has crashed: it says nothing more, and whatever comes to it is answered by a reset. */
void torc__sim_forget(torc__sim_socket *socket);

/* Frees the connection if neither side nor any event needs it. */
void torc__sim_tidy(torc__sim_connection *connection);
void torc__sim_free_connection(torc__sim_connection *connection);

/* -- listeners: sim_listener.c ------------------------------------------------------------- */

/* 0, or a negative errno. */
int torc__sim_listen(torc_sim_host *host, torc_io *io, const torc_address *address,
    const torc_socket_options *options, torc__sim_listener **ret_listener);

/* Resets those that wait. */
void torc__sim_stop_listening(torc__sim_listener *listener);

/* The listener that takes connections to that address of the host; NULL: nobody listens. */
torc__sim_listener *torc__sim_listener_at(torc_sim_host *host, const torc_address *address);

/* One that nobody listens at. */
uint16_t torc__sim_choose_port(torc_sim_host *host);

bool torc__sim_is_loopback(const torc_address *address);

/* Whether the host has no descriptors left just now. */
bool torc__sim_lacks_descriptors(torc_sim_host *host);

/* -- links: sim_link.c --------------------------------------------------------------------- */

torc__sim_route *torc__sim_route_to(torc_sim_host *from, torc_sim_host *to);

/* Sends it on its way to the other socket; copies the bytes. */
void torc__sim_carry(torc__sim_socket *from, torc__sim_kind kind, torc_slice bytes);

/* Asks, when nothing has come for that time, whether the other side is there; 0: no more. */
void torc__sim_keep_alive(torc__sim_socket *socket, torc_time idle);

void torc__sim_queue_init(torc__sim_queue *queue);
void torc__sim_queue_clear(torc__sim_queue *queue);
void torc__sim_queue_append(torc__sim_queue *queue, torc__sim_segment *segment);
torc__sim_segment *torc__sim_queue_take(torc__sim_queue *queue);

/* -- datagrams: sim_datagram.c ------------------------------------------------------------- */

/* As the driver's. */
int torc__sim_open_datagrams(torc_sim_host *host, torc_io *io, const torc_address *local,
    const torc_address *peer, const torc_datagram_options *options);
int torc__sim_multicast(torc_io *io, const torc_multicast *request);

void torc__sim_free_datagrams(torc_sim_host *host);

/* Those that are on their way. */
void torc__sim_drop_datagrams(torc_sim *sim);

/* -- names: sim_names.c -------------------------------------------------------------------- */

enum { TORC__SIM_ADDRESSES_MAX = 32 };

typedef struct torc__sim_answer {
    size_t count;
    torc_time delay;
    torc_address addresses[TORC__SIM_ADDRESSES_MAX]; /* without a port */
} torc__sim_answer;

/* As the program on `asker` is told, for better or worse. */
void torc__sim_look_up(
    torc_sim_host *asker, const char *name, bool only_ipv6, torc__sim_answer *ret_answer);

/* The truth: NULL when nobody has the name. */
torc_sim_host *torc__sim_named(const torc_sim *sim, const char *name);

/* Whether nobody answers there, not even that there is nobody. */
bool torc__sim_is_silent(const torc_address *address);

void torc__sim_free_names(torc_sim *sim);

/* -- faults: sim_faults.c ------------------------------------------------------------------ */

/* Whether, on this occasion, it happens to the host. */
bool torc__sim_occurs(torc_sim_host *host, torc_sim_fault fault);

/* Of the fault that has just occurred: from 0 up to but not including `limit`. */
uint64_t torc__sim_choose(torc_sim *sim, uint64_t limit);

const char *torc__sim_fault_name(torc_sim_fault fault);

/*
 * Only what happened on these occasions, which are sorted, happens from now on; NULL: everything.
 * Borrowed.
 */
void torc__sim_restrict(const uint64_t *occasions, size_t count);

/* -- the world: sim_world.c ---------------------------------------------------------------- */

void torc__sim_take_world(torc_sim *sim);
void torc__sim_leave_world(torc_sim *sim);

/* -- peers: sim_peer.c --------------------------------------------------------------------- */

/* Something has come about for the peer's socket. */
void torc__sim_peer_told(torc_sim_peer *peer);
void torc__sim_free_peers(torc_sim *sim);

/* -- seeds: sim_seeds.c -------------------------------------------------------------------- */

/* Whether it is the network of a loop over seeds. */
bool torc__sim_is_looped(const torc_sim *sim);

/* Tells who looks for fewer faults. */
void torc__sim_trace(const torc__sim_happening *happening);

#endif /* TORC_TESTING_SIM_H */
