/*
 * datagram_batch: many datagrams in a system call. One batch serves all datagram ios of a reactor:
 * what is received stands in it while it is told, and what is sent is described in it.
 *
 * Where the system has recvmmsg and sendmmsg (Linux, some BSDs) a call moves up to
 * TORC_DATAGRAMS_MAX messages; elsewhere, and where a sandbox refuses them, as many calls as
 * messages are made. On Linux a message may further hold many datagrams of one size and peer: the
 * kernel hands them over so (UDP_GRO), and takes them so (UDP_SEGMENT), which is cheaper than
 * anything else.
 *
 *     count = torc__datagram_batch_receive(batch, descriptor, size_max, kind, &budget);
 *     while ((told = torc__datagram_batch_next(batch)) > 0)
 *         ... batch->datagrams[0 .. told - 1] ...
 */
#ifndef TORC_REACTOR_DRIVER_DATAGRAM_BATCH_H
#define TORC_REACTOR_DRIVER_DATAGRAM_BATCH_H

#include <torc/driver.h>

#if !defined(__linux__) && !defined(__FreeBSD__) && !defined(__NetBSD__)
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};
#endif

typedef enum torc__datagram_kind {
    TORC__DATAGRAMS_SINGLE,    /* a socket, each message of which is a datagram */
    TORC__DATAGRAMS_COALESCED, /* a UDP socket whose messages may hold several */
    TORC__DATAGRAMS_DEVICE,    /* a packet device: no socket */
} torc__datagram_kind;

/* Room for the one thing that the kernel says beside a message: the size of its datagrams. */
typedef union torc__datagram_control {
    struct cmsghdr aligned;
    char bytes[CMSG_SPACE(sizeof(int))];
} torc__datagram_control;

typedef struct torc__datagram_messages {
    struct mmsghdr headers[TORC_DATAGRAMS_MAX];
    struct iovec pieces[TORC_DATAGRAMS_MAX];
    struct sockaddr_storage names[TORC_DATAGRAMS_MAX];
    torc__datagram_control controls[TORC_DATAGRAMS_MAX];
} torc__datagram_messages;

typedef struct torc__datagram_batch {
    torc_datagram datagrams[TORC_DATAGRAMS_MAX]; /* what next() gave */
    torc__datagram_messages received;
    torc__datagram_messages sent;
    size_t counts[TORC_DATAGRAMS_MAX]; /* datagrams in each message that is sent */

    /*
     * Of `received`, the first `ready` are made ready for messages of ready_size, but for the first
     * `used`, into which one may have come since.
     */
    size_t ready;
    size_t used;
    size_t ready_size;
    bool ready_control;

    /* What is still to be told: from `offset` of message `next` on, of `messages`. */
    size_t messages;
    size_t next;
    size_t offset;
    size_t size_max;

    /* How often more was looked for in vain since it was last found: see datagram.c. */
    unsigned looks_in_vain;
    unsigned looks_to_skip;

    bool holds_several; /* a message that came last was of several datagrams */
    bool one_by_one;   /* the system refuses to move several messages in a call */
    bool no_segments;  /* ... and several datagrams in a message */
    char *slots;
} torc__datagram_batch;

/* NULL when memory is out. */
torc__datagram_batch *torc__datagram_batch_new(void);
void torc__datagram_batch_free(torc__datagram_batch *batch);

/*
 * Receives what is there, and takes it from *budget, which is TORC_DATAGRAMS_MAX for all that may
 * be received before the rest of the loop has its turn. How many messages, or a negative errno.
 */
ssize_t torc__datagram_batch_receive(torc__datagram_batch *batch, int descriptor, size_t size_max,
    torc__datagram_kind kind, size_t *budget);

/* The next datagrams of what was received stand in batch->datagrams: how many; 0: that was all. */
size_t torc__datagram_batch_next(torc__datagram_batch *batch);

/* Sends at most TORC_DATAGRAMS_MAX. How many were taken, or a negative errno of the first. */
ssize_t torc__datagram_batch_send(torc__datagram_batch *batch, int descriptor,
    const torc_datagram *list, size_t count, torc__datagram_kind kind);

#endif /* TORC_REACTOR_DRIVER_DATAGRAM_BATCH_H */
