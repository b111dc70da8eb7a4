/*
 * uring: what the parts of the io_uring driver share.
 *
 *   uring.c           the driver: turns, waiting, waking, forks
 *   uring_slots.c     what the kernel has in hand, for each io
 *   uring_receive.c   receiving and accepting
 *   uring_send.c      sending, and waiting until more can be sent
 *   uring_socket.c    opening and closing
 *   uring_passing.c   receiving where a poll is better; descriptors that come along with bytes
 *   uring_splice.c    bytes that go from socket to socket through a pipe
 *   uring_poller.c    polling, and all that is carried by readiness: readiness.h
 *   uring_foreign.c   inside a loop of another's
 *   uring_buffers.c   memory to receive into
 *   uring_ring.c      the queues
 *   uring_probe.c     whether it works here
 *
 * A request is answered at some time after its io may have gone. So none names an io: it names the
 * io's slot, which lives on until the last request is answered. That is why closing an io is done
 * at once here: nothing of its memory is ever in the kernel's hands. The bytes of a send are not
 * either, beyond the system call that hands it over: a send never waits in the kernel for room.
 */
#ifndef TORC_REACTOR_DRIVER_URING_H
#define TORC_REACTOR_DRIVER_URING_H

#include "reactor/driver/readiness.h"
#include "reactor/driver/uring_buffers.h"

/* What a request is, in the low bits of its user_data; the rest is the address of its slot. */
enum {
    TORC__URING_RECEIVE = 0, /* or accept */
    TORC__URING_SEND = 1,
    TORC__URING_POLL = 2,
    TORC__URING_CANCEL = 3, /* no slot */
    TORC__URING_WAKE = 4,   /* no slot */
    TORC__URING_TAG_MASK = 7,
};

/* torc__uring_slot.state */
enum {
    TORC__URING_LISTENS = 1 << 0,
    TORC__URING_CONNECTS = 1 << 1,
    TORC__URING_WANTED = 1 << 2,    /* `received` (or `accepted`) events are wanted */
    TORC__URING_BLOCKED = 1 << 3,   /* the socket took no more */
    TORC__URING_ENDED = 1 << 4,     /* the end was told */
    TORC__URING_END_KEPT = 1 << 5,  /* ... or is still to be told, with slot->error */
    TORC__URING_QUEUED = 1 << 6,    /* stands in driver->queue */
    TORC__URING_READINESS = 1 << 7, /* of an io that is the readiness adapter's */

    /* In the kernel's hands: */
    TORC__URING_ARMED = 1 << 8,     /* a receive, or an accept */
    TORC__URING_STOPPING = 1 << 9,  /* ... and that it be cancelled */
    TORC__URING_SENDING = 1 << 10,
    TORC__URING_POLLING = 1 << 11,
    TORC__URING_HALF_CLOSED = 1 << 12, /* the peer's end alone answers each poll */
    TORC__URING_PASSES = 1 << 13,      /* `descriptor` events are wanted: uring_passing.c */
    TORC__URING_MORE_THERE = 1 << 14,  /* the last receipt did not empty the socket */
    TORC__URING_SPLICES = 1 << 15,     /* what comes goes into pipes: uring_splice.c */
    TORC__URING_RECEIVES_POLLED = TORC__URING_PASSES | TORC__URING_SPLICES,
    TORC__URING_IN_FLIGHT = TORC__URING_ARMED | TORC__URING_SENDING | TORC__URING_POLLING,
};

/* What came while it was not wanted: bytes, or the descriptor of an accepted connection. */
typedef struct torc__uring_kept {
    struct torc__uring_kept *next;
    size_t length;
    int descriptor;
    char bytes[];
} torc__uring_kept;

typedef struct torc__uring_slot {
    torc_io *io; /* NULL once it is closed */
    torc__uring_kept *kept;
    struct torc__uring_slot *next; /* in the queue, or of those that are free */
    uint32_t state;
    uint32_t number; /* what io->state says */
    uint16_t unread; /* receipts of this batch that are still to be told */
    uint16_t error;
    uint16_t wanted; /* what is to be polled for: TORC__READABLE, TORC__WRITABLE */
    uint16_t polled; /* what the poll in flight was asked for */
} torc__uring_slot;

enum {
    TORC__URING_CHUNK_SLOTS = 128,
    TORC__URING_BATCH_MAX = 1024,  /* completions that are worked off in one go */
    TORC__URING_PIECES_MAX = 1024, /* of all sends that are handed over at once */
    TORC__URING_MESSAGES_MAX = 64, /* likewise, of those in several pieces */
};

typedef struct torc__uring_driver {
    torc__readiness readiness; /* first: its driver, and the ios that are carried by it */
    torc__uring_ring ring;
    torc__uring_buffers buffers;

    torc__uring_slot **chunks; /* the slots, by number */
    size_t chunk_count;
    torc__uring_slot *free_slots;
    size_t in_flight;          /* requests of slots */
    torc__uring_slot **polled; /* those of readiness, by descriptor */
    size_t polled_capacity;

    torc__uring_slot *queue;   /* to be looked at in the next turn: torc__uring_look_at */
    torc__uring_slot **queue_end;
    size_t queue_length;

    /* Completions are copied out before they are told, so that telling may enter the kernel. */
    struct io_uring_cqe *batch;
    size_t batch_count;
    size_t batch_at;           /* the one that is being told */
    size_t batch_size;         /* completions that this wait has brought */
    size_t told;               /* events, in this turn */
    bool telling;
    bool urgent;               /* what waits to be handed over is not to wait for the next turn */
    bool starved;              /* there were too few buffers */

    struct iovec *pieces;
    struct msghdr *messages;
    size_t piece_count;
    size_t message_count;

    uint64_t wake_count;       /* read by the kernel */
    bool wake_armed;
    bool woken;
    int shown;                 /* what torc__uring_descriptor gave; -1: nobody has asked */
} torc__uring_driver;

/* For tests: how long the queues of the next driver are. */
extern TORC_API torc__uring_sizes torc__uring_driver_sizes;

static inline torc__uring_driver *torc__uring_of(const torc_io *io)
{
    return io->carrier;
}

/* -- uring_slots.c ------------------------------------------------------------------------- */

/* A slot for an io that has a carrier; NULL when memory is out. */
torc__uring_slot *torc__uring_slot_take(torc__uring_driver *driver, torc_io *io, uint32_t state);

/* As take, for a socket, whose class and carrier it sets. */
torc__uring_slot *torc__uring_slot_new(
    torc__uring_driver *driver, torc_io *io, int descriptor, uint32_t state);

static inline torc__uring_slot *torc__uring_slot_of(const torc_io *io)
{
    return &torc__uring_of(io)->chunks[io->state / TORC__URING_CHUNK_SLOTS]
                                      [io->state % TORC__URING_CHUNK_SLOTS];
}

/* The io has gone. The slot is free once the kernel has answered for it. */
void torc__uring_slot_detach(torc__uring_driver *driver, torc__uring_slot *slot);
void torc__uring_slot_free_if_over(torc__uring_driver *driver, torc__uring_slot *slot);

/* An entry for a request of the slot, noted as in flight; NULL when the queue is stuck. */
struct io_uring_sqe *torc__uring_request(
    torc__uring_driver *driver, torc__uring_slot *slot, unsigned tag, uint32_t flight);

/* The entry of a request that the kernel has not taken yet, or NULL. And taking one back. */
struct io_uring_sqe *torc__uring_request_waiting(
    torc__uring_driver *driver, const torc__uring_slot *slot, unsigned tag);
void torc__uring_take_back(torc__uring_driver *driver, torc__uring_slot *slot,
    struct io_uring_sqe *entry, uint32_t flight);

/* A request was answered for the last time. */
void torc__uring_answered(torc__uring_driver *driver, torc__uring_slot *slot, uint32_t flight);

/* An entry that is about a request of the slot; its own success is not answered. NULL as above. */
struct io_uring_sqe *torc__uring_about(
    torc__uring_driver *driver, const torc__uring_slot *slot, unsigned tag);

/* Asks that a request be cancelled. False when the queue is stuck. */
bool torc__uring_cancel(torc__uring_driver *driver, torc__uring_slot *slot, unsigned tag);

/* Has it looked at from the next turn. */
void torc__uring_enqueue(torc__uring_driver *driver, torc__uring_slot *slot);
torc__uring_slot *torc__uring_dequeue(torc__uring_driver *driver);

/* Hands over all that waits. */
void torc__uring_flush(torc__uring_driver *driver);

/* After the kernel was entered. */
void torc__uring_handed_over(torc__uring_driver *driver);

void torc__uring_slots_free(torc__uring_driver *driver);

/* -- uring_receive.c ----------------------------------------------------------------------- */

/* Sees to it that what is wanted is asked for, and that what was kept and is wanted is told. */
void torc__uring_receive_wanted(torc__uring_driver *driver, torc__uring_slot *slot);
void torc__uring_tell_kept(torc__uring_driver *driver, torc__uring_slot *slot);

/* Tells what was received otherwise than by a request; with no bytes, the end. */
void torc__uring_tell_received(
    torc__uring_driver *driver, torc__uring_slot *slot, torc_slice bytes, int error);

/* Has the request for receiving cancelled. */
void torc__uring_stop_receiving(torc__uring_driver *driver, torc__uring_slot *slot);
void torc__uring_drop_kept(torc__uring_slot *slot);

void torc__uring_received(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done);
void torc__uring_io_receive(torc_io *io, bool on);

/* -- uring_send.c -------------------------------------------------------------------------- */

void torc__uring_poll_wanted(torc__uring_driver *driver, torc__uring_slot *slot);
void torc__uring_sent(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done);
void torc__uring_polled(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done);

/* Hands over what was gathered for the slot, or sends it now where the kernel takes nothing. */
void torc__uring_send_gathered(torc__uring_driver *driver, torc__uring_slot *slot);

ssize_t torc__uring_io_send(torc_io *io, const struct iovec *pieces, int count, bool more);
ssize_t torc__uring_io_send_file(torc_io *io, int file, int64_t offset, size_t length);

/* What became of a send of `asked` bytes (or a negative errno), as send() gives it. */
ssize_t torc__uring_sent_or_blocked(torc_io *io, ssize_t sent, size_t asked);

/* -- uring_passing.c ----------------------------------------------------------------------- */

/* Whether to receive by polling, because of `why`: of TORC__URING_RECEIVES_POLLED. */
void torc__uring_set_polled(torc_io *io, uint32_t why, bool on);

/* Whether the slot's io is to be polled for reading, and what was said to have come is received. */
bool torc__uring_polled_wanted(const torc__uring_slot *slot);
void torc__uring_polled_ready(torc__uring_driver *driver, torc__uring_slot *slot);

/* Tells what recv() gave: `got` bytes in `buffer`, the end, or -1 with errno. The io may be gone. */
void torc__uring_tell_got(
    torc__uring_driver *driver, torc__uring_slot *slot, ssize_t got, const char *buffer);

ssize_t torc__uring_io_send_descriptors(torc_io *io, const struct iovec *pieces, int count,
    const int *descriptors, size_t descriptor_count);

/* -- uring_splice.c ------------------------------------------------------------------------ */

int torc__uring_set_splicing(torc_io *io, bool on);

/* The io can be read from: moves what has come into a pipe. */
void torc__uring_splice(torc__uring_driver *driver, torc__uring_slot *slot);
ssize_t torc__uring_io_send_pipe(torc_io *io, int pipe, size_t length);

/* -- uring_poller.c ------------------------------------------------------------------------ */

extern const torc__poller torc__uring_poller;

/* Sees to it that the slot's io is polled for `wanted` (TORC__READABLE, ...). */
void torc__uring_poll(torc__uring_driver *driver, torc__uring_slot *slot, unsigned wanted);

/* What an answer says: TORC__READABLE, ... or 0. When all was told of it, it is answered. */
unsigned torc__uring_poll_answer(torc__uring_slot *slot, const struct io_uring_cqe *done);
void torc__uring_poll_answered(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done);

/* For slots with TORC__URING_READINESS: as torc__uring_polled, and when one stood in the queue. */
void torc__uring_ready(
    torc__uring_driver *driver, torc__uring_slot *slot, const struct io_uring_cqe *done);
void torc__uring_poller_look_at(torc__uring_driver *driver, torc__uring_slot *slot);

/* -- uring_socket.c ------------------------------------------------------------------------ */

extern const torc_io_class torc__uring_socket_class;

int torc__uring_listen(torc_driver *driver, torc_io *io, const torc_address *address,
    const torc_socket_options *options);
int torc__uring_adopt_listener(torc_driver *driver, torc_io *io, int descriptor);
int torc__uring_connect(
    torc_driver *driver, torc_io *io, const torc_address *peer, const torc_address *local);
int torc__uring_adopt(torc_driver *driver, torc_io *io, int descriptor);
void torc__uring_start_accepting(torc_io *io, bool on);

/* -- uring_foreign.c ----------------------------------------------------------------------- */

int torc__uring_descriptor(torc_driver *driver);

/* Before the kernel is entered for a turn; and when the ring is closed. */
void torc__uring_empty_descriptor(const torc__uring_driver *driver);
void torc__uring_close_descriptor(torc__uring_driver *driver);

/* -- uring.c ------------------------------------------------------------------------------- */

/* In a forked process: makes the driver its own. 0 or -errno. Cheap where nothing was forked. */
int torc__uring_be_ours(torc__uring_driver *driver);

/* So that another thread can have a turn made, by what it writes. */
void torc__uring_arm_waker(torc__uring_driver *driver);

#endif /* TORC_REACTOR_DRIVER_URING_H */
