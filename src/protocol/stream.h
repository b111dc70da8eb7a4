/*
 * The inside of a stream, for the files that make one.
 *
 *   stream.c          reading, writing, the end      stream_making.c   by a factory, by connecting,
 *                                                                      by accepting
 *
 * The protocol is all that the connection has; the stream is what coroutines hold. They know each
 * other as long as both live: the protocol goes with the connection, the stream with its scope.
 * What has been received and not read lies in `kept`, from kept_start to kept_end.
 */
#ifndef TORC_PROTOCOL_STREAM_H
#define TORC_PROTOCOL_STREAM_H

#include <torc/stream.h>

#include "base/list.h"
#include "reactor/grave.h"
#include "reactor/members.h"

typedef struct torc__stream_protocol {
    torc_protocol protocol; /* first */
    torc_stream *stream;    /* NULL: there is none, or it has gone */
} torc__stream_protocol;

/* What a coroutine that reads waits for: a line where `line` is set, else so many bytes. */
typedef struct torc__stream_need {
    bool line;
    size_t length;
} torc__stream_need;

struct torc_stream {
    torc__grave grave;        /* first */
    torc_scoped scoped;
    torc__list link;          /* among those that wait to be accepted */
    torc_reactor *reactor;
    torc_scope *scope;        /* where its waits live */
    torc__stream_protocol *protocol; /* NULL: the connection is lost, or was given up */
    torc_failure *reason;     /* why, once it is */
    torc_stream_function *function;  /* of a factory's; else NULL */
    void *context;

    char *kept;
    size_t kept_start;
    size_t kept_end;
    size_t kept_capacity;
    size_t searched;          /* no line ends before this place in `kept` */
    torc_buffer *spare;       /* what is lent, as long as nobody holds on to it; or NULL */

    torc_deferred *reading;   /* a coroutine waits for bytes; NULL: none does */
    torc__stream_need need;
    torc_timer reading_timer;
    torc__list writers;       /* coroutines that wait until what was written has left */
    torc_producer producer;
    bool produces;            /* it is registered */
    bool read_ended;
    bool closed;              /* by us */
    size_t line_max;
    size_t length_max;
    torc_time timeout;
};

extern TORC_API const torc__member_kind torc__members_stream;
extern TORC_API const torc__member_kind torc__members_stream_listener; /* stream_making.c */

/* A stream of `protocol`, which is a connection just made. NULL when memory is out. */
torc_stream *torc__stream_new(torc_scope *scope, torc__stream_protocol *protocol);

/* What the protocol of a stream does with what it is told. */
void torc__stream_data_received(torc_protocol *protocol, torc_slice data);
void torc__stream_read_lost(torc_protocol *protocol);
void torc__stream_connection_lost(torc_protocol *protocol, const torc_failure *reason);

#endif /* TORC_PROTOCOL_STREAM_H */
