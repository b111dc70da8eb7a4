/*
 * Addresses as text and back. The system's inet_pton and inet_ntop know the syntax; added here are
 * ports, brackets and the scope of a link-local address. What is written is read back the same.
 */
#include <torc/address.h>

#include "base/text_writer.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

_Static_assert(TORC_ADDRESS_TEXT_MAX > INET6_ADDRSTRLEN + sizeof "[%4294967295]:65535" &&
        TORC_ADDRESS_TEXT_MAX > TORC_UNIX_PATH_MAX,
    "every address fits its text");

static void append_host(torc__text_writer *writer, const torc_address *address)
{
    char numeric[INET6_ADDRSTRLEN];
    const char *host = "-";

    if (address->kind == TORC_ADDRESS_IPV4)
        host = inet_ntop(AF_INET, address->ip, numeric, sizeof numeric);
    else if (address->kind == TORC_ADDRESS_IPV6)
        host = inet_ntop(AF_INET6, address->ip, numeric, sizeof numeric);
    else if (address->kind == TORC_ADDRESS_UNIX && address->path[0] != '\0')
        host = address->path;
    torc__text_append(writer, torc_slice_of(host));
    if (address->kind == TORC_ADDRESS_IPV6 && address->scope_id != 0)
        torc__text_printf(writer, "%%%lu", (unsigned long)address->scope_id);
}

const char *torc_address_text(const torc_address *address, char text[TORC_ADDRESS_TEXT_MAX])
{
    bool is_ipv6 = address->kind == TORC_ADDRESS_IPV6;
    torc__text_writer writer;

    torc__text_writer_init(&writer, text, TORC_ADDRESS_TEXT_MAX);
    torc__text_append(&writer, torc_slice_of(is_ipv6 ? "[" : ""));
    append_host(&writer, address);
    torc__text_append(&writer, torc_slice_of(is_ipv6 ? "]" : ""));
    if (is_ipv6 || address->kind == TORC_ADDRESS_IPV4)
        torc__text_printf(&writer, ":%u", (unsigned int)address->port);
    torc__text_finish(&writer);
    return text;
}

const char *torc_address_host(const torc_address *address, char text[TORC_ADDRESS_TEXT_MAX])
{
    torc__text_writer writer;

    torc__text_writer_init(&writer, text, TORC_ADDRESS_TEXT_MAX);
    append_host(&writer, address);
    torc__text_finish(&writer);
    return text;
}

/* A NUL-terminated copy for the system's parsers; false when it is too long or has a NUL in it. */
static bool to_text(torc_slice slice, char *text, size_t size)
{
    if (slice.length == 0 || slice.length >= size ||
        torc_slice_find_byte(slice, '\0') < slice.length)
        return false;
    memcpy(text, slice.data, slice.length);
    text[slice.length] = '\0';
    return true;
}

/* A scope is a number, or the name of an interface of this machine. */
static bool parse_scope(torc_slice scope, uint32_t *ret_scope)
{
    char name[IF_NAMESIZE];
    uint64_t number;

    if (torc_slice_to_number(scope, UINT32_MAX, &number)) {
        *ret_scope = (uint32_t)number;
        return true;
    }
    if (!to_text(scope, name, sizeof name))
        return false;
    *ret_scope = if_nametoindex(name);
    return *ret_scope != 0;
}

static bool parse_ipv6(torc_slice host, torc_address *address)
{
    size_t percent = torc_slice_find_byte(host, '%');
    char numeric[INET6_ADDRSTRLEN];

    if (percent < host.length &&
        !parse_scope(torc_slice_skip(host, percent + 1), &address->scope_id))
        return false;
    address->kind = TORC_ADDRESS_IPV6;
    return to_text(torc_slice_first(host, percent), numeric, sizeof numeric) &&
        inet_pton(AF_INET6, numeric, address->ip) == 1;
}

static bool parse_ipv4(torc_slice host, torc_address *address)
{
    char numeric[INET_ADDRSTRLEN];

    address->kind = TORC_ADDRESS_IPV4;
    return to_text(host, numeric, sizeof numeric) && inet_pton(AF_INET, numeric, address->ip) == 1;
}

bool torc_address_parse(torc_slice host, uint16_t port, torc_address *ret_address)
{
    torc_address address;
    bool is_good;

    memset(&address, 0, sizeof address);
    address.port = port;
    if (host.length >= 2 && host.data[0] == '[' && host.data[host.length - 1] == ']')
        is_good = parse_ipv6(torc_slice_make(host.data + 1, host.length - 2), &address);
    else if (torc_slice_find_byte(host, ':') < host.length)
        is_good = parse_ipv6(host, &address);
    else
        is_good = parse_ipv4(host, &address);
    if (is_good)
        *ret_address = address;
    return is_good;
}
