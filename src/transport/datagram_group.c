/*
 * Multicast: what a program says of groups and interfaces, turned into requests to the driver.
 */
#include "transport/datagram.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

static bool is_group(const torc_address *address)
{
    if (address->kind == TORC_ADDRESS_IPV4)
        return address->ip[0] >= 224 && address->ip[0] <= 239;
    return address->kind == TORC_ADDRESS_IPV6 && address->ip[0] == 0xff;
}

static torc_failure *no_group(const torc_address *group)
{
    char text[TORC_ADDRESS_TEXT_MAX];

    return torc_failure_new(&torc_error_invalid_argument,
        "%s is no multicast group: 224.0.0.0 to 239.255.255.255, or ff00::/8",
        torc_address_host(group, text));
}

/* False: there is no such interface. */
static bool read_interface(const char *interface, torc_multicast *request)
{
    uint64_t index;

    if (interface == NULL)
        return true;
    if (torc_slice_to_number(torc_slice_of(interface), UINT32_MAX, &index))
        request->interface_index = (uint32_t)index;
    else if (!torc_address_parse(torc_slice_of(interface), 0, &request->interface_address))
        request->interface_index = if_nametoindex(interface);
    return request->interface_index != 0
        || request->interface_address.kind == TORC_ADDRESS_IPV4;
}

static torc_failure *carry_out(
    torc_datagram_transport *self, const char *interface, torc_multicast *request)
{
    torc_driver *driver = self->scope.reactor->driver;
    int error = -ENOTSUP;

    torc__check_thread(self->scope.reactor, "a call about multicast");
    if (!read_interface(interface, request))
        return torc_failure_new(&torc_error_invalid_argument,
            "there is no interface '%s'; write a name that 'ip link' shows, its number, or an IPv4 "
            "address that it has", interface);
    if (self->flags & TORC__DG_IO_CLOSED)
        return NULL;
    if ((self->flags & TORC__DG_GROUPS) && driver->kind->multicast != NULL)
        error = driver->kind->multicast(&self->io, request);
    if (error == 0)
        return NULL;
    return torc_failure_make(TORC_HERE, &torc_error_system, -error, "multicast%s%s is refused",
        interface != NULL ? " on " : "", interface != NULL ? interface : "");
}

static torc_failure *change_membership(torc_datagram_transport *self,
    torc_multicast_request what, const torc_address *group, const char *interface)
{
    torc_multicast request = { .request = what };

    if (!is_group(group))
        return no_group(group);
    request.group = *group;
    return carry_out(self, interface, &request);
}

torc_failure *torc_join_group(
    torc_datagram_transport *self, const torc_address *group, const char *interface)
{
    return change_membership(self, TORC_MULTICAST_JOIN, group, interface);
}

torc_failure *torc_leave_group(
    torc_datagram_transport *self, const torc_address *group, const char *interface)
{
    return change_membership(self, TORC_MULTICAST_LEAVE, group, interface);
}

torc_failure *torc_set_multicast_interface(torc_datagram_transport *self, const char *interface)
{
    torc_multicast request = { .request = TORC_MULTICAST_INTERFACE };

    return carry_out(self, interface, &request);
}

torc_failure *torc_set_multicast_loop(torc_datagram_transport *self, bool on)
{
    torc_multicast request = { .request = TORC_MULTICAST_LOOP, .value = on };

    return carry_out(self, NULL, &request);
}

torc_failure *torc_set_multicast_hops(torc_datagram_transport *self, int hops)
{
    torc_multicast request = { .request = TORC_MULTICAST_HOPS, .value = hops };

    if (hops < 0 || hops > 255)
        return torc_failure_new(
            &torc_error_invalid_argument, "%d is no number of hops: 0 to 255", hops);
    return carry_out(self, NULL, &request);
}
