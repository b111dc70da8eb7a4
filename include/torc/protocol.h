/*
 * protocol: what a connection does, in events; and factories, which make one for each connection.
 *
 * A protocol is a struct of yours that begins with a torc_protocol, and a constant table of what
 * happens when. The engine allocates it, zeroed, for each connection, and frees it after
 * connection_lost. It knows bytes and events, never sockets, so it runs over any transport.
 *
 *     typedef struct counter {
 *         torc_protocol protocol;
 *         size_t bytes;
 *     } counter;
 *
 *     static void counter_data(torc_protocol *protocol, torc_slice data)
 *     {
 *         torc_of(protocol, counter)->bytes += data.length;
 *     }
 *
 *     static const torc_protocol_class counter_class = {
 *         .name = "Counter",
 *         .size = sizeof(counter),
 *         .data_received = counter_data,
 *     };
 *
 *     torc_listen(torc_root(reactor), "tcp:9000", torc_factory_of(&counter_class));
 */
#ifndef TORC_PROTOCOL_H
#define TORC_PROTOCOL_H

#include <torc/transport.h>

TORC_BEGIN_DECLS

typedef struct torc_protocol torc_protocol;
typedef struct torc_factory torc_factory;

typedef struct torc_protocol_class {
    const char *name; /* as logs show it */
    size_t size;      /* of your struct; 0 where it is a bare torc_protocol */

    /* Once, first. May write, and may end the connection. Optional. */
    void (*connection_made)(torc_protocol *self);

    /* Bytes, cut anywhere. Borrowed until it returns. Optional: without it they are dropped. */
    void (*data_received)(torc_protocol *self, torc_slice data);

    /*
     * The peer has closed its half: no more data will come, writing goes on. Where it is NULL the
     * connection ends as by torc_lose_connection.
     */
    void (*read_lost)(torc_protocol *self);

    /*
     * Once, last, whatever ended the connection. `reason` is borrowed; its type tells how:
     * torc_error_connection_done, _lost, _aborted, _timed_out, torc_error_limit, or what
     * torc_abort_because was given. Optional.
     */
    void (*connection_lost)(torc_protocol *self, const torc_failure *reason);

    /*
     * The peer has passed an open file (torc_send_descriptor), which is yours now, to close; the
     * bytes that it was sent with come next, also if you pause reading here. Where it is NULL such
     * descriptors are closed as they come. Optional.
     */
    void (*descriptor_received)(torc_protocol *self, int descriptor);
} torc_protocol_class;

struct torc_protocol {
    const torc_protocol_class *kind;
    torc_transport *transport; /* valid until connection_lost has returned */
    torc_factory *factory;     /* what made it; valid as long */
};

/*
 * The scope of what a protocol starts; ends right after its connection_lost. `protocol` is any
 * protocol's struct.
 */
TORC_API torc_scope *torc_scope_of(void *protocol);

/* -- factories ----------------------------------------------------------------------------- */

typedef struct torc_factory_options {
    const torc_protocol_class *kind; /* what each connection gets */
    void *context;                   /* shared by all, see torc_factory_context */
    void (*release)(void *context);  /* called when the factory goes; may be NULL */

    /* Listening: more than these at once are closed as soon as they are accepted. 0: no limit. */
    size_t connections_max;
    size_t connections_per_host_max;

    /* Called when the first port that uses the factory opens, and when the last has closed. */
    void (*started)(void *context);
    void (*stopped)(void *context);

    /* Listening: may refuse a peer; the connection is then closed. NULL: all are welcome. */
    bool (*admits)(void *context, const torc_address *peer);
} torc_factory_options;

/*
 * Never NULL: when memory is out the process ends with a message, because this happens at start.
 * The caller's hold goes over to torc_listen or torc_connect; to use a factory several times, hold
 * it (torc_factory_hold) for each further use.
 */
TORC_API torc_factory *torc_factory_new(const torc_factory_options *options);

/* A factory with no options but its kind. */
TORC_API torc_factory *torc_factory_of(const torc_protocol_class *kind);

/* Sets connections_max; gives `factory` back, so that it nests in a call of torc_listen. */
TORC_API torc_factory *torc_factory_limit(torc_factory *factory, size_t connections_max);

TORC_API torc_factory *torc_factory_hold(torc_factory *factory);
TORC_API void torc_factory_release(torc_factory *factory);

TORC_API void *torc_factory_context(const torc_factory *factory);

/* The context of the factory that made `protocol` (any protocol's struct). */
TORC_API void *torc_context_of(const void *protocol);

/* Connections that are open now. */
TORC_API size_t torc_factory_connections(const torc_factory *factory);

/* -- without a network --------------------------------------------------------------------- */

/*
 * Two protocols talk to each other through memory, made by the two factories, both of which are
 * taken over; connection_made runs from the next turn on. False when memory is out.
 */
TORC_API bool torc_connect_in_memory(torc_scope *scope, torc_factory *one, torc_factory *other);

TORC_END_DECLS

#endif /* TORC_PROTOCOL_H */
