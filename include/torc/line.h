/*
 * line: protocols that speak in lines, and now and then in raw bytes.
 *
 * A line receiver is a protocol whose class has line_received in place of data_received. Lines end
 * with a delimiter of any length; the delimiter is not part of the line. The bytes between may
 * come cut anywhere.
 *
 *     typedef struct greeter {
 *         torc_line_receiver lines;       // first member
 *     } greeter;
 *
 *     static void greeter_line(torc_line_receiver *lines, torc_slice line)
 *     {
 *         torc_printf(lines, "Hello, %.*s.\r\n", TORC_FMT(line));
 *     }
 *
 *     static const torc_line_class greeter_class = {
 *         .protocol = { .name = "Greeter", .size = sizeof(greeter) },
 *         .line_received = greeter_line,
 *     };
 *
 *     torc_listen(torc_root(reactor), "tcp:9000", torc_line_factory(&greeter_class));
 *
 * Inside a callback the mode may change any number of times, reading may be paused (delivery stops
 * after this line; what is there is kept, and delivered from the loop after torc_resume_reading)
 * and the connection may be ended (no further line is delivered).
 */
#ifndef TORC_LINE_H
#define TORC_LINE_H

#include <torc/protocol.h>

TORC_BEGIN_DECLS

typedef struct torc_line_receiver torc_line_receiver;

#define TORC_LINE_MAX ((size_t)16384)

typedef struct torc_line_class {
    torc_protocol_class protocol; /* its data_received must be NULL: the line receiver has it */

    const char *delimiter; /* NULL: "\r\n" */
    size_t max_length;     /* of a line without its delimiter; 0: TORC_LINE_MAX */

    /* A line, borrowed until it returns. Always set. */
    void (*line_received)(torc_line_receiver *self, torc_slice line);

    /* Bytes in raw mode, as they come. NULL: they are dropped. */
    void (*raw_received)(torc_line_receiver *self, torc_slice data);

    /*
     * The line is longer than max_length; `start` is that much of it. NULL: the connection is
     * ended as by torc_lose_connection. Where it is set and the connection goes on, the rest of
     * the line is skipped up to its delimiter, or is the first raw data after torc_line_set_raw.
     */
    void (*line_too_long)(torc_line_receiver *self, torc_slice start);
} torc_line_class;

struct torc_line_receiver {
    torc_protocol protocol;
    /* private */
    torc_buffer *kept;      /* an unfinished line, or what came while paused */
    size_t kept_start;      /* in `kept`: what is before has been delivered */
    size_t kept_end;
    size_t searched;        /* in `kept`: no delimiter begins before this */
    struct torc__line_delivery *delivery; /* while bytes are being delivered */
    bool raw;
    bool skipping;          /* the rest of a line that was too long */
};

/* A factory of line receivers; as torc_factory_of. */
TORC_API torc_factory *torc_line_factory(const torc_line_class *kind);

/* With options; options->kind is not used. */
TORC_API torc_factory *torc_line_factory_new(
    const torc_line_class *kind, const torc_factory_options *options);

/* From now on bytes go to raw_received: also those that follow the line being delivered. */
TORC_API void torc_line_set_raw(torc_line_receiver *self);

/*
 * Back to lines. Inside raw_received `rest` is what of its data was not raw any more, to be read
 * as lines; elsewhere it is empty. The end of the data is not copied; other bytes are.
 */
TORC_API void torc_line_set_lines(torc_line_receiver *self, torc_slice rest);

/* Drops what has been received and not been delivered. */
TORC_API void torc_line_clear(torc_line_receiver *self);

/* Sends a line: the bytes and the delimiter. */
TORC_API void torc_line_send(torc_line_receiver *self, torc_slice line);

TORC_END_DECLS

#endif /* TORC_LINE_H */
