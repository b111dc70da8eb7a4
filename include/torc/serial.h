/*
 * serial: lines to devices (RS-232, USB adapters), as a transport.
 *
 *     torc_serial_options options = { .speed = 115200 };
 *
 *     torc_open_serial(scope, "/dev/ttyUSB0", &options, torc_line_factory(&meter_class));
 *
 * The line is raw: no byte is changed or kept back for a line's end. When it closes it is put back
 * as it was. A device that is unplugged ends the connection. A line has no halves:
 * after torc_lose_write nothing more is sent, and the device does not hear of it.
 */
#ifndef TORC_SERIAL_H
#define TORC_SERIAL_H

#include <torc/deferred.h>
#include <torc/protocol.h>

TORC_BEGIN_DECLS

typedef enum torc_parity {
    TORC_PARITY_NONE,
    TORC_PARITY_EVEN,
    TORC_PARITY_ODD,
} torc_parity;

typedef enum torc_flow_control {
    TORC_FLOW_NONE,
    TORC_FLOW_HARDWARE, /* RTS and CTS */
    TORC_FLOW_SOFTWARE, /* XON and XOFF, which are no data then */
} torc_flow_control;

/* Zero is the default of each. */
typedef struct torc_serial_options {
    unsigned speed;     /* bits per second; 0: 9600. Any that the device can */
    unsigned data_bits; /* 5 to 8; 0: 8 */
    torc_parity parity;
    unsigned stop_bits; /* 1 or 2; 0: 1 */
    torc_flow_control flow;
    bool shared;        /* others may open it too; else they get EBUSY (but for the superuser) */
} torc_serial_options;

/*
 * Opens the device `path`, and makes a protocol by `factory`, which is taken over. `options` may be
 * NULL. Fires with a torc_pointer to the protocol, after its connection_made, or with a failure
 * that names the device: of type torc_error_invalid_argument for options that no line has, else
 * torc_error_system.
 */
TORC_API torc_deferred *torc_open_serial(torc_scope *scope, const char *path,
    const torc_serial_options *options, torc_factory *factory);

/*
 * The following are for transports that torc_open_serial made. Each gives NULL, or a failure, which
 * the caller releases; after the connection is lost it is one.
 */

/* Changes everything but `shared`, once what was sent has left. */
TORC_API torc_failure *torc_serial_configure(
    torc_transport *transport, const torc_serial_options *options);

/* The modem's lines, as bits. The first two are ours to set. */
enum {
    TORC_SERIAL_DTR = 1,
    TORC_SERIAL_RTS = 2,
    TORC_SERIAL_CTS = 4,
    TORC_SERIAL_DSR = 8,
    TORC_SERIAL_DCD = 16,
    TORC_SERIAL_RI = 32,
};

TORC_API torc_failure *torc_serial_lines(torc_transport *transport, unsigned *ret_lines);

/* Sets those of DTR and RTS that are in `lines` on or off. */
TORC_API torc_failure *torc_serial_set_lines(torc_transport *transport, unsigned lines, bool on);

/* Holds the line in the break condition from now on, or ends that. */
TORC_API torc_failure *torc_serial_set_break(torc_transport *transport, bool on);

/* Drops what the device has received and was not read, and what it has not sent yet. */
TORC_API torc_failure *torc_serial_flush(torc_transport *transport);

TORC_END_DECLS

#endif /* TORC_SERIAL_H */
