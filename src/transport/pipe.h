/*
 * pipe: transports over descriptors that are no sockets: one, or one to read and one to write.
 *
 *     transport = torc__transport_new(scope, factory);
 *     error = torc__pipe_open(transport, input, output, NULL, NULL);
 *     deferred = torc__attach_in_next_turn(scope, transport);
 *
 * Who uses it: torc_attach (pipe.c), stdio.c, serial.c, and processes for the ends of their pipes.
 */
#ifndef TORC_TRANSPORT_PIPE_H
#define TORC_TRANSPORT_PIPE_H

#include "transport/transport.h"

/* For whoever does more at an end than closing it. `argument` was given to torc__pipe_open. */
typedef struct torc__pipe_watcher {
    /* Our half has been closed: the descriptor of the output is closed already. */
    void (*finished)(void *argument);

    /* All is about to be closed, also where it could not be opened. The last that is called. */
    void (*closing)(void *argument);

    /*
     * The input has ended (error 0) or failed: the transport is told when torc__pipe_tell_end is
     * called, by which time more may be known. NULL: it is told at once.
     */
    void (*input_ended)(void *argument, int error);

    /* The connection ends when nobody reads its output, though its input has not ended. */
    bool output_is_vital;
} torc__pipe_watcher;

/*
 * Has the transport read from `input` and write to `output`, which do not block and are not
 * inherited. They may be the same; one of them may be -1. Takes over both, also when it fails: 0 or
 * -errno. `watcher` may be NULL; where there is one, there must be an input.
 */
int torc__pipe_open(torc_transport *transport, int input, int output,
    const torc__pipe_watcher *watcher, void *argument);

/* The end that `input_ended` was told of is told by a task. */
void torc__pipe_tell_end(torc_transport *transport, int error);

/* The input's descriptor of one that was opened with a watcher; -1 once it is closed. */
int torc__pipe_input(const torc_transport *transport);

/*
 * stdio.c: this process's standard input and output for one connection at a time, where others
 * might want them. take: both are open, and nobody else's; else -errno. open: whoever has taken
 * them has the transport read and write them, and they are given back when it closes them, or this
 * fails: 0 or -errno.
 */
int torc__stdio_take(void);
void torc__stdio_give_back(void);
int torc__stdio_open(torc_transport *transport);

/* Makes a descriptor non-blocking, and closed on exec. 0 or -errno. */
int torc__pipe_prepare(int descriptor);

/*
 * Starts a transport that is open, in the next turn. Fires with its protocol; when it is cancelled,
 * or the scope ends, before that, the transport is dropped.
 */
torc_deferred *torc__attach_in_next_turn(torc_scope *scope, torc_transport *transport);

/* Both in one: makes the transport, with a protocol of `factory`, which is taken over. */
torc_deferred *torc__attach_prepared(torc_scope *scope, int input, int output,
    torc_factory *factory, const torc__pipe_watcher *watcher, void *argument);

extern TORC_API const torc__member_kind torc__members_attaching;

#endif /* TORC_TRANSPORT_PIPE_H */
