/*
 * Devices as users see them: a datagram transport on a device's descriptor, whose protocol calls
 * the user's function for each packet. The device itself outlives its transport, so that a packet
 * may be sent to one that is gone.
 */
#include "transport/tun.h"

#include "base/abort.h"
#include "base/memory.h"
#include "transport/datagram.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct torc_tun {
    torc_scoped scoped;
    torc__grave grave;
    torc_reactor *reactor;
    torc_scope *scope;
    torc_datagram_transport *transport; /* NULL once it has stopped */
    torc_packet_callback *callback;
    void *self;
    char name[TORC__TUN_NAME_MAX];
};

typedef struct packets {
    torc_datagram_protocol protocol;
    torc_tun *device; /* NULL once that has ended */
} packets;

static packets *packets_of(torc_datagram_transport *transport)
{
    return (packets *)(void *)torc__datagrams_protocol(transport);
}

/* -- the protocol -------------------------------------------------------------------------- */

static void packet_received(
    torc_datagram_protocol *protocol, torc_slice bytes, const torc_address *peer)
{
    torc_tun *device = torc_of(protocol, packets)->device;

    (void)peer;
    if (device != NULL)
        device->callback(device->self, bytes);
}

static void packets_stopped(torc_datagram_protocol *protocol, const torc_failure *reason)
{
    torc_tun *device = torc_of(protocol, packets)->device;

    (void)reason;
    if (device != NULL)
        device->transport = NULL;
}

static const torc_datagram_class packets_class = {
    .name = "Tun",
    .size = sizeof(packets),
    .datagram_received = packet_received,
    .stopped = packets_stopped,
};

/* -- the device ---------------------------------------------------------------------------- */

static void free_device(torc__grave *grave)
{
    torc__free(TORC_CONTAINER_OF(grave, torc_tun, grave));
}

/* The transport is a younger member of the same scope: it has been ended before. */
static void device_ended(torc_scoped *scoped)
{
    torc_tun *self = TORC_CONTAINER_OF(scoped, torc_tun, scoped);

    if (self->transport != NULL)
        packets_of(self->transport)->device = NULL;
    self->transport = NULL;
    torc__bury(self->reactor, &self->grave, free_device);
}

static void describe_device(const torc_scoped *scoped, char *text, size_t size)
{
    snprintf(text, size, "%s", TORC_CONTAINER_OF(scoped, torc_tun, scoped)->name);
}

const torc__member_kind torc__members_tun = {
    .end = device_ended,
    .name = "network device",
    .describe = describe_device,
};

/* A device that could not be opened has no transport from the next turn on. */
static void opener_done(torc__datagram_opener *opener)
{
    torc_datagram_transport *transport = opener->transport;
    torc_tun *device = packets_of(transport)->device;

    if (device != NULL)
        device->transport = NULL;
    packets_of(transport)->device = NULL;
    torc__free(opener);
}

static torc_failure *adopt(torc_datagram_transport *transport, int descriptor)
{
    torc_driver *driver = transport->scope.reactor->driver;
    torc_datagram_options options = { .size_max = 0 };
    int error = -ENOTSUP;

    if (driver->kind->adopt_datagrams != NULL)
        error = driver->kind->adopt_datagrams(driver, &transport->io, descriptor, &options);
    if (error == 0)
        return NULL;
    close(descriptor);
    return torc_failure_make(TORC_HERE, &torc_error_system, -error,
        "the reactor's driver %s takes no network device: %s", driver->kind->name,
        strerror(-error));
}

static void open_device(torc_tun *self, const torc_tun_options *options)
{
    torc_failure *failure = NULL;
    int descriptor = torc__tun_open(options, self->name, &failure);

    if (descriptor >= 0)
        failure = adopt(self->transport, descriptor);
    if (failure == NULL) {
        torc__datagrams_open(self->transport, NULL);
        return;
    }
    self->name[0] = '\0';
    torc__datagrams_fail(self->transport, failure);
}

torc_tun *torc_tun_open_with(torc_scope *scope, const torc_tun_options *options,
    torc_packet_callback *callback, void *argument)
{
    torc_tun *self;
    torc__datagram_opener *opener;
    torc_datagram_transport *transport;

    torc__check_thread(scope->reactor, "torc_tun_open");
    self = torc__allocate_vital(sizeof *self);
    opener = torc__allocate_vital(sizeof *opener);
    if (self == NULL || opener == NULL)
        torc__abort_out_of_memory("a network device");
    self->reactor = scope->reactor;
    self->scope = scope;
    self->callback = callback;
    self->self = argument;
    opener->done = opener_done;
    if (torc_scope_has_ended(scope)) {
        torc__free(opener);
        torc__bury(self->reactor, &self->grave, free_device);
        return self;
    }
    torc_scope_add(scope, &self->scoped, device_ended);
    transport = torc__datagrams_new(scope, &packets_class, opener);
    packets_of(transport)->device = self;
    self->transport = transport;
    open_device(self, options);
    return self;
}

torc_tun *torc_tun_open(
    torc_scope *scope, const char *name, torc_packet_callback *callback, void *self)
{
    torc_tun_options options = { .name = name };

    return torc_tun_open_with(scope, &options, callback, self);
}

static torc_result give_device(void *device, torc_result result)
{
    (void)result;
    return torc_pointer(device);
}

torc_deferred *torc_tun_opened(torc_tun *self)
{
    torc_deferred *opened;

    if (self->transport == NULL)
        return torc_deferred_fired(self->scope, torc_fail_with(
            &torc_error_cancelled, "the network device is gone"));
    opened = torc_datagrams_opened(packets_of(self->transport));
    torc_add_callback(opened, give_device, self);
    return opened;
}

bool torc_tun_send(torc_tun *self, torc_slice packet)
{
    return self->transport != NULL && torc_send(self->transport, packet);
}

const char *torc_tun_name(const torc_tun *self)
{
    return self->name;
}

torc_datagram_transport *torc_tun_transport(torc_tun *self)
{
    return self->transport;
}
