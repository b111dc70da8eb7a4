/*
 * The kinds of endpoints that carry datagrams, as endpoint.c has those of streams.
 */
#include "endpoint/kind.h"

static const char *read_flag(torc_slice value, bool *ret_flag)
{
    *ret_flag = true;
    return value.length == 0 ? NULL : "takes no value";
}

static const char *read_shared(torc__endpoint *endpoint, torc_slice value)
{
    return read_flag(value, &endpoint->share_address);
}

static const char *read_broadcast(torc__endpoint *endpoint, torc_slice value)
{
    return read_flag(value, &endpoint->broadcast);
}

static const char *read_size(torc__endpoint *endpoint, torc_slice value)
{
    uint64_t size;

    if (!torc_slice_to_number(value, 65535, &size) || size == 0)
        return "must be a number of bytes from 1 to 65535";
    endpoint->datagram_max = (size_t)size;
    return NULL;
}

/* A path that is sent from, where read_path has one to be sent to. */
static const char *read_local_path(torc__endpoint *endpoint, torc_slice value)
{
    torc_address peer = endpoint->address;
    const char *rule = torc__read_path(endpoint, value);

    endpoint->local = endpoint->address;
    endpoint->address = peer;
    return rule;
}

static const torc__usage udp_listening = {
    .verb = "listening",
    .example = "udp:5353",
    .prepare = torc__prepare_any_ipv4,
    .check = torc__put_port,
    .arguments = {
        { .name = "port", .read = torc__read_port, .mandatory = true },
        { .name = "interface", .read = torc__read_interface },
        { .name = "reuseport", .read = torc__read_reuse_port, .flag = true },
        { .name = "shared", .read = read_shared, .flag = true },
        { .name = "broadcast", .read = read_broadcast, .flag = true },
        { .name = "size", .read = read_size },
    },
};

static const torc__usage udp6_listening = {
    .verb = "listening",
    .example = "udp6:5353",
    .prepare = torc__prepare_any_ipv6,
    .check = torc__put_port,
    .arguments = {
        { .name = "port", .read = torc__read_port, .mandatory = true },
        { .name = "interface", .read = torc__read_interface6 },
        { .name = "reuseport", .read = torc__read_reuse_port, .flag = true },
        { .name = "shared", .read = read_shared, .flag = true },
        { .name = "size", .read = read_size },
    },
};

static const torc__usage unix_listening = {
    .verb = "listening",
    .example = "unix-datagram:/run/app.sock",
    .arguments = {
        { .name = "path", .alias = "address", .read = torc__read_path, .mandatory = true },
        { .name = "mode", .read = torc__read_mode },
        { .name = "size", .read = read_size },
    },
};

static const torc__usage fd_using = {
    .verb = "datagrams",
    .example = "fd:3",
    .arguments = {
        { .name = "descriptor", .read = torc__read_descriptor, .mandatory = true },
        { .name = "size", .read = read_size },
    },
};

static const torc__usage udp_connecting = {
    .verb = "connecting",
    .example = "udp:192.0.2.1:53",
    .check = torc__check_peer,
    .arguments = {
        { .name = "host", .read = torc__read_host, .mandatory = true },
        { .name = "port", .read = torc__read_peer_port, .mandatory = true },
        { .name = "bindAddress", .read = torc__read_local },
        { .name = "broadcast", .read = read_broadcast, .flag = true },
        { .name = "size", .read = read_size },
    },
};

static const torc__usage udp6_connecting = {
    .verb = "connecting",
    .example = "udp6:[2001:db8::1]:53",
    .prepare = torc__prepare_only_ipv6,
    .check = torc__check_peer,
    .arguments = {
        { .name = "host", .read = torc__read_host6, .mandatory = true },
        { .name = "port", .read = torc__read_peer_port, .mandatory = true },
        { .name = "bindAddress", .read = torc__read_local },
        { .name = "size", .read = read_size },
    },
};

static const torc__usage unix_connecting = {
    .verb = "connecting",
    .example = "unix-datagram:/run/app.sock",
    .arguments = {
        { .name = "path", .alias = "address", .read = torc__read_path, .mandatory = true },
        { .name = "bindAddress", .read = read_local_path },
        { .name = "size", .read = read_size },
    },
};

static const torc__kind kinds[] = {
    { .name = "udp", .listening = &udp_listening, .connecting = &udp_connecting },
    { .name = "udp6", .listening = &udp6_listening, .connecting = &udp6_connecting },
    { .name = "unix-datagram", .listening = &unix_listening, .connecting = &unix_connecting },
    { .name = "fd", .listening = &fd_using, .connecting = &fd_using },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

torc_failure *torc__datagrams_to_listen(const char *description, torc__endpoint *ret_endpoint)
{
    return torc__endpoint_read_by(kinds, KIND_COUNT, description, true, ret_endpoint);
}

torc_failure *torc__datagrams_to_connect(const char *description, torc__endpoint *ret_endpoint)
{
    return torc__endpoint_read_by(kinds, KIND_COUNT, description, false, ret_endpoint);
}
