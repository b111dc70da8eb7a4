/*
 * The kinds that the core has, how their arguments are read, and the register that further kinds
 * join.
 */
#include "endpoint/further_kinds.h"

#include "base/socket_address.h"

#include <limits.h>
#include <stdio.h>

/* -- reading values ------------------------------------------------------------------------ */

const char *torc__read_port(torc__endpoint *endpoint, torc_slice value)
{
    uint64_t port;

    if (!torc_slice_to_number(value, 65535, &port))
        return "must be a number from 0 to 65535";
    endpoint->port = (uint16_t)port;
    return NULL;
}

const char *torc__read_peer_port(torc__endpoint *endpoint, torc_slice value)
{
    if (torc__read_port(endpoint, value) != NULL || endpoint->port == 0)
        return "must be a number from 1 to 65535";
    return NULL;
}

static bool is_ipv4_in_ipv6(const torc_address *address)
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    return memcmp(address->ip, prefix, sizeof(prefix)) == 0;
}

static bool is_any(const torc_address *address)
{
    static const uint8_t any[16];

    return memcmp(address->ip, any, sizeof(any)) == 0;
}

static bool parse_ipv6(torc_slice value, torc_address *ret_address)
{
    return torc_address_parse(value, 0, ret_address) && ret_address->kind == TORC_ADDRESS_IPV6 &&
        !is_ipv4_in_ipv6(ret_address);
}

/*
 * An IPv4 address in IPv6's clothes (::ffff:192.0.2.7) is what it is on the wire, so that it opens
 * an IPv4 socket and is told as it is known elsewhere.
 */
static bool parse_any(torc_slice value, torc_address *ret_address)
{
    if (!torc_address_parse(value, 0, ret_address))
        return false;
    torc__address_unmap(ret_address);
    return true;
}

/* localhost is this machine everywhere (RFC 6761 6.3), so that needs no look-up. */
const char *torc__read_interface(torc__endpoint *endpoint, torc_slice value)
{
    if (torc_slice_is(value, "localhost"))
        value = TORC_SLICE("127.0.0.1");
    if (!parse_any(value, &endpoint->address))
        return "must be a numeric address, an IPv6 one in brackets";
    endpoint->options.both_families =
        endpoint->address.kind == TORC_ADDRESS_IPV6 && is_any(&endpoint->address);
    return NULL;
}

const char *torc__read_interface6(torc__endpoint *endpoint, torc_slice value)
{
    if (torc_slice_is(value, "localhost"))
        value = TORC_SLICE("::1");
    if (!parse_ipv6(value, &endpoint->address))
        return "must be a numeric IPv6 address in brackets, not one of IPv4";
    return NULL;
}

const char *torc__read_backlog(torc__endpoint *endpoint, torc_slice value)
{
    uint64_t backlog;

    if (!torc_slice_to_number(value, 65535, &backlog) || backlog == 0)
        return "must be a number from 1 to 65535";
    endpoint->options.backlog = (int)backlog;
    return NULL;
}

const char *torc__read_reuse_port(torc__endpoint *endpoint, torc_slice value)
{
    if (value.length != 0)
        return "takes no value";
    endpoint->options.reuse_port = true;
    return NULL;
}

const char *torc__read_path(torc__endpoint *endpoint, torc_slice value)
{
    if (value.length == 0 || torc_slice_is(value, "@"))
        return "must not be empty";
    if (value.length >= TORC_UNIX_PATH_MAX)
        return "must be shorter than 108 bytes, as the system demands; choose a shorter one";
    endpoint->address.kind = TORC_ADDRESS_UNIX;
    memcpy(endpoint->address.path, value.data, value.length);
    endpoint->address.path[value.length] = '\0';
    return NULL;
}

const char *torc__read_mode(torc__endpoint *endpoint, torc_slice value)
{
    int mode = 0;

    for (size_t i = 0; i < value.length && i < 5; i++) {
        if (value.data[i] < '0' || value.data[i] > '7')
            return "must be permissions in octal, from 0 to 777";
        mode = mode * 8 + (value.data[i] - '0');
    }
    if (value.length == 0 || value.length > 4 || mode > 0777)
        return "must be permissions in octal, from 0 to 777";
    endpoint->options.unix_mode = mode;
    return NULL;
}

const char *torc__read_descriptor(torc__endpoint *endpoint, torc_slice value)
{
    uint64_t descriptor;

    if (!torc_slice_to_number(value, INT_MAX, &descriptor))
        return "must be the number of an open file";
    endpoint->descriptor = (int)descriptor;
    return NULL;
}

/* As inet_aton reads the last part of an address: a name cannot end so (RFC 3696 2). */
static bool is_number(torc_slice label)
{
    size_t i = 0;

    if (torc_slice_starts_with(label, TORC_SLICE("0x")) ||
        torc_slice_starts_with(label, TORC_SLICE("0X")))
        return true;
    while (i < label.length && label.data[i] >= '0' && label.data[i] <= '9')
        i++;
    return i == label.length;
}

static bool is_label(torc_slice label)
{
    if (label.length == 0 || label.length > 63)
        return false;
    for (size_t i = 0; i < label.length; i++) {
        unsigned char byte = (unsigned char)label.data[i];

        if (byte <= ' ' || byte == 127 || byte == ':' || byte == '/' || byte == '%')
            return false;
    }
    return true;
}

/*
 * What is neither a numeric address nor a name must not reach the resolver, which would make
 * addresses out of "127.1" and "0x7f000001".
 */
static bool is_host_name(torc_slice name)
{
    torc_slice label;

    if (name.length > TORC__HOST_NAME_MAX)
        return false;
    do {
        label = torc_slice_first(name, torc_slice_find_byte(name, '.'));
        if (!is_label(label))
            return false;
        name = torc_slice_skip(name, label.length + 1);
    } while (name.length != 0);
    return !is_number(label);
}

static bool keep_host_name(torc__endpoint *endpoint, torc_slice name)
{
    if (torc_slice_ends_with(name, TORC_SLICE(".")))
        name.length--;
    if (torc_slice_ends_with(name, TORC_SLICE(".")) || !is_host_name(name))
        return false;
    memcpy(endpoint->host, name.data, name.length);
    endpoint->host[name.length] = '\0';
    return true;
}

const char *torc__read_host(torc__endpoint *endpoint, torc_slice value)
{
    if (parse_any(value, &endpoint->address) || keep_host_name(endpoint, value))
        return NULL;
    return "must be a numeric address, an IPv6 one in brackets, or a name";
}

const char *torc__read_host6(torc__endpoint *endpoint, torc_slice value)
{
    torc_address address;

    if (parse_ipv6(value, &endpoint->address))
        return NULL;
    if (!torc_address_parse(value, 0, &address) && keep_host_name(endpoint, value))
        return NULL;
    endpoint->address.kind = TORC_ADDRESS_NONE;
    return "must be a numeric IPv6 address in brackets, not one of IPv4, or a name";
}

const char *torc__read_local(torc__endpoint *endpoint, torc_slice value)
{
    if (!parse_any(value, &endpoint->local))
        return "must be a numeric address of this machine, an IPv6 one in brackets";
    return NULL;
}

/* Seconds, with a fraction where one is given: "10", "0.25". */
const char *torc__read_timeout(torc__endpoint *endpoint, torc_slice value)
{
    static const char rule[] = "must be a number of seconds from 0.001 to 86400";
    size_t point = torc_slice_find_byte(value, '.');
    torc_slice fraction = torc_slice_skip(value, point + 1);
    torc_time unit = TORC_SECOND / 10;
    uint64_t seconds;
    uint64_t digits = 0;

    if (!torc_slice_to_number(torc_slice_first(value, point), 86400, &seconds))
        return rule;
    if (point < value.length && (fraction.length > 9 ||
            !torc_slice_to_number(fraction, 999999999, &digits)))
        return rule;
    endpoint->timeout = (torc_time)seconds * TORC_SECOND;
    for (size_t i = 0; i < fraction.length; i++) {
        endpoint->timeout += (fraction.data[i] - '0') * unit;
        unit /= 10;
    }
    if (endpoint->timeout < TORC_MILLISECOND || endpoint->timeout > 86400 * TORC_SECOND)
        return rule;
    return NULL;
}

static const char *read_name(torc__endpoint *endpoint, torc_slice value)
{
    if (value.length == 0 || value.length > TORC__CARRIER_NAME_MAX)
        return "must be a name of 1 to 107 bytes";
    memcpy(endpoint->name, value.data, value.length);
    endpoint->name[value.length] = '\0';
    endpoint->carrier = &torc__memory_names;
    return NULL;
}

static const char *read_wait(torc__endpoint *endpoint, torc_slice value)
{
    if (value.length != 0)
        return "takes no value";
    endpoint->waits = true;
    return NULL;
}

/* -- kinds --------------------------------------------------------------------------------- */

void torc__prepare_any_ipv4(torc__endpoint *endpoint)
{
    endpoint->address.kind = TORC_ADDRESS_IPV4;
}

void torc__prepare_any_ipv6(torc__endpoint *endpoint)
{
    endpoint->address.kind = TORC_ADDRESS_IPV6;
}

void torc__prepare_only_ipv6(torc__endpoint *endpoint)
{
    endpoint->only_ipv6 = true;
}

const char *torc__put_port(torc__endpoint *endpoint)
{
    endpoint->address.port = endpoint->port;
    return NULL;
}

const char *torc__check_peer(torc__endpoint *endpoint)
{
    const torc_address *address = &endpoint->address;
    const torc_address *local = &endpoint->local;

    if (address->kind != TORC_ADDRESS_NONE)
        endpoint->address.port = endpoint->port;
    if (local->kind == TORC_ADDRESS_NONE)
        return NULL;
    if (address->kind != TORC_ADDRESS_NONE && address->kind != local->kind)
        return "bindAddress must be of the same family as host";
    if (endpoint->only_ipv6 && local->kind != TORC_ADDRESS_IPV6)
        return "bindAddress must be an IPv6 address";
    return NULL;
}

static const torc__usage tcp_listening = {
    .verb = "listening",
    .example = "tcp:8080",
    .prepare = torc__prepare_any_ipv4,
    .check = torc__put_port,
    .arguments = {
        { .name = "port", .read = torc__read_port, .mandatory = true },
        { .name = "interface", .read = torc__read_interface },
        { .name = "backlog", .read = torc__read_backlog },
        { .name = "reuseport", .read = torc__read_reuse_port, .flag = true },
        { .name = "wait", .read = read_wait, .flag = true },
    },
};

static const torc__usage tcp6_listening = {
    .verb = "listening",
    .example = "tcp6:8080",
    .prepare = torc__prepare_any_ipv6,
    .check = torc__put_port,
    .arguments = {
        { .name = "port", .read = torc__read_port, .mandatory = true },
        { .name = "interface", .read = torc__read_interface6 },
        { .name = "backlog", .read = torc__read_backlog },
        { .name = "reuseport", .read = torc__read_reuse_port, .flag = true },
        { .name = "wait", .read = read_wait, .flag = true },
    },
};

static const torc__usage unix_listening = {
    .verb = "listening",
    .example = "unix:/run/app.sock",
    .arguments = {
        { .name = "path", .alias = "address", .read = torc__read_path, .mandatory = true },
        { .name = "mode", .read = torc__read_mode },
        { .name = "backlog", .read = torc__read_backlog },
    },
};

static const torc__usage fd_listening = {
    .verb = "listening",
    .example = "fd:3",
    .arguments = { { .name = "descriptor", .read = torc__read_descriptor, .mandatory = true } },
};

static const torc__usage tcp_connecting = {
    .verb = "connecting",
    .example = "tcp:192.0.2.1:80",
    .check = torc__check_peer,
    .arguments = {
        { .name = "host", .read = torc__read_host, .mandatory = true },
        { .name = "port", .read = torc__read_peer_port, .mandatory = true },
        { .name = "timeout", .read = torc__read_timeout },
        { .name = "bindAddress", .read = torc__read_local },
    },
};

static const torc__usage tcp6_connecting = {
    .verb = "connecting",
    .example = "tcp6:[2001:db8::1]:80",
    .prepare = torc__prepare_only_ipv6,
    .check = torc__check_peer,
    .arguments = {
        { .name = "host", .read = torc__read_host6, .mandatory = true },
        { .name = "port", .read = torc__read_peer_port, .mandatory = true },
        { .name = "timeout", .read = torc__read_timeout },
        { .name = "bindAddress", .read = torc__read_local },
    },
};

static const torc__usage unix_connecting = {
    .verb = "connecting",
    .example = "unix:/run/app.sock",
    .arguments = {
        { .name = "path", .alias = "address", .read = torc__read_path, .mandatory = true },
        { .name = "timeout", .read = torc__read_timeout },
    },
};

static const torc__usage fd_connecting = {
    .verb = "connecting",
    .example = "fd:0",
    .arguments = { { .name = "descriptor", .read = torc__read_descriptor, .mandatory = true } },
};

static const torc__usage memory_listening = {
    .verb = "listening",
    .example = "memory:service",
    .arguments = {
        { .name = "name", .read = read_name, .mandatory = true },
        { .name = "backlog", .read = torc__read_backlog },
    },
};

static const torc__usage memory_connecting = {
    .verb = "connecting",
    .example = "memory:service",
    .arguments = {
        { .name = "name", .read = read_name, .mandatory = true },
        { .name = "timeout", .read = torc__read_timeout },
    },
};

static const torc__kind own_kinds[] = {
    { .name = "tcp", .listening = &tcp_listening, .connecting = &tcp_connecting },
    { .name = "tcp6", .listening = &tcp6_listening, .connecting = &tcp6_connecting },
    { .name = "unix", .listening = &unix_listening, .connecting = &unix_connecting },
    { .name = "fd", .listening = &fd_listening, .connecting = &fd_connecting },
    { .name = "memory", .listening = &memory_listening, .connecting = &memory_connecting },
};

static const torc__kind *const kinds_elsewhere[] = {
    &torc__kind_systemd,
    &torc__kind_stdio,
    &torc__kind_process,
    &torc__kind_haproxy,
    &torc__kind_haproxy_v2,
    &torc__kind_socks,
    &torc__kind_http_proxy,
};

#define OWN_KINDS       (sizeof(own_kinds) / sizeof(own_kinds[0]))
#define KINDS_ELSEWHERE (sizeof(kinds_elsewhere) / sizeof(kinds_elsewhere[0]))

/* -- the register -------------------------------------------------------------------------- */

static const torc__kind *further_kinds[TORC__FURTHER_KINDS_MAX];
static size_t further_count;

const torc__kind *torc__kind_at(size_t index)
{
    if (index < OWN_KINDS)
        return &own_kinds[index];
    index -= OWN_KINDS;
    if (index < KINDS_ELSEWHERE)
        return kinds_elsewhere[index];
    index -= KINDS_ELSEWHERE;
    return index < further_count ? further_kinds[index] : NULL;
}

const torc__kind *torc__kind_named(torc_slice name)
{
    const torc__kind *kind;

    for (size_t i = 0; (kind = torc__kind_at(i)) != NULL; i++)
        if (torc_slice_is(name, kind->name))
            return kind;
    return NULL;
}

bool torc__kind_register(const torc__kind *kind)
{
    const torc__kind *known = torc__kind_named(torc_slice_of(kind->name));

    if (known != NULL)
        return known == kind;
    if (further_count == TORC__FURTHER_KINDS_MAX)
        return false;
    further_kinds[further_count++] = kind;
    return true;
}
