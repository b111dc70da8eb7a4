/*
 * The table of kinds. A row names a kind and lists its arguments, in their places; each argument
 * knows how to read its value into the struct. Nothing here opens anything.
 *
 * An argument's reader gives NULL or the rule that the value broke ("must be …"), so that every
 * message has the same shape: "DESCRIPTION: ARGUMENT RULE; write EXAMPLE".
 */
#include "endpoint/endpoint.h"

#include "endpoint/description.h"

#include <stdarg.h>
#include <stdio.h>

typedef const char *argument_reader(torc__endpoint *endpoint, torc_slice value);

typedef struct argument_row {
    const char *name;
    const char *alias;     /* another name that is taken, or NULL */
    argument_reader *read;
    bool mandatory;
    bool flag;             /* given by its name alone */
} argument_row;

#define ARGUMENTS_MAX 8

/* One way to use a kind. */
typedef struct usage_row {
    const char *verb;
    const char *example;
    void (*prepare)(torc__endpoint *endpoint);        /* defaults of its own; may be NULL */
    const char *(*check)(torc__endpoint *endpoint);   /* of all together; may be NULL */
    argument_row arguments[ARGUMENTS_MAX + 1];            /* the last has no name */
} usage_row;

typedef struct kind_row {
    const char *name;
    const usage_row *listening;
    const usage_row *connecting;
} kind_row;

/* -- reading values ------------------------------------------------------------------------ */

static const char *read_port(torc__endpoint *endpoint, torc_slice value)
{
    uint64_t port;

    if (!torc_slice_to_number(value, 65535, &port))
        return "must be a number from 0 to 65535";
    endpoint->port = (uint16_t)port;
    return NULL;
}

static const char *read_peer_port(torc__endpoint *endpoint, torc_slice value)
{
    if (read_port(endpoint, value) != NULL || endpoint->port == 0)
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

/* localhost is this machine everywhere (RFC 6761 6.3), so that needs no look-up. */
static const char *read_interface(torc__endpoint *endpoint, torc_slice value)
{
    if (torc_slice_is(value, "localhost"))
        value = TORC_SLICE("127.0.0.1");
    if (!torc_address_parse(value, 0, &endpoint->address))
        return "must be a numeric address, an IPv6 one in brackets";
    endpoint->options.both_families =
        endpoint->address.kind == TORC_ADDRESS_IPV6 && is_any(&endpoint->address);
    return NULL;
}

static const char *read_interface6(torc__endpoint *endpoint, torc_slice value)
{
    if (torc_slice_is(value, "localhost"))
        value = TORC_SLICE("::1");
    if (!parse_ipv6(value, &endpoint->address))
        return "must be a numeric IPv6 address in brackets, not one of IPv4";
    return NULL;
}

static const char *read_backlog(torc__endpoint *endpoint, torc_slice value)
{
    uint64_t backlog;

    if (!torc_slice_to_number(value, 65535, &backlog) || backlog == 0)
        return "must be a number from 1 to 65535";
    endpoint->options.backlog = (int)backlog;
    return NULL;
}

static const char *read_reuse_port(torc__endpoint *endpoint, torc_slice value)
{
    if (value.length != 0)
        return "takes no value";
    endpoint->options.reuse_port = true;
    return NULL;
}

static const char *read_path(torc__endpoint *endpoint, torc_slice value)
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

static const char *read_mode(torc__endpoint *endpoint, torc_slice value)
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

static const char *read_descriptor(torc__endpoint *endpoint, torc_slice value)
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

static const char *read_host(torc__endpoint *endpoint, torc_slice value)
{
    if (torc_address_parse(value, 0, &endpoint->address) || keep_host_name(endpoint, value))
        return NULL;
    return "must be a numeric address, an IPv6 one in brackets, or a name";
}

static const char *read_host6(torc__endpoint *endpoint, torc_slice value)
{
    torc_address address;

    if (parse_ipv6(value, &endpoint->address))
        return NULL;
    if (!torc_address_parse(value, 0, &address) && keep_host_name(endpoint, value))
        return NULL;
    endpoint->address.kind = TORC_ADDRESS_NONE;
    return "must be a numeric IPv6 address in brackets, not one of IPv4, or a name";
}

static const char *read_local(torc__endpoint *endpoint, torc_slice value)
{
    if (!torc_address_parse(value, 0, &endpoint->local))
        return "must be a numeric address of this machine, an IPv6 one in brackets";
    return NULL;
}

/* Seconds, with a fraction where one is given: "10", "0.25". */
static const char *read_timeout(torc__endpoint *endpoint, torc_slice value)
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

/* -- kinds --------------------------------------------------------------------------------- */

static void prepare_any_ipv4(torc__endpoint *endpoint)
{
    endpoint->address.kind = TORC_ADDRESS_IPV4;
}

static void prepare_any_ipv6(torc__endpoint *endpoint)
{
    endpoint->address.kind = TORC_ADDRESS_IPV6;
}

static void prepare_only_ipv6(torc__endpoint *endpoint)
{
    endpoint->only_ipv6 = true;
}

static const char *put_port(torc__endpoint *endpoint)
{
    endpoint->address.port = endpoint->port;
    return NULL;
}

static const char *check_peer(torc__endpoint *endpoint)
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

static const usage_row tcp_listening = {
    .verb = "listening",
    .example = "tcp:8080",
    .prepare = prepare_any_ipv4,
    .check = put_port,
    .arguments = {
        { .name = "port", .read = read_port, .mandatory = true },
        { .name = "interface", .read = read_interface },
        { .name = "backlog", .read = read_backlog },
        { .name = "reuseport", .read = read_reuse_port, .flag = true },
    },
};

static const usage_row tcp6_listening = {
    .verb = "listening",
    .example = "tcp6:8080",
    .prepare = prepare_any_ipv6,
    .check = put_port,
    .arguments = {
        { .name = "port", .read = read_port, .mandatory = true },
        { .name = "interface", .read = read_interface6 },
        { .name = "backlog", .read = read_backlog },
        { .name = "reuseport", .read = read_reuse_port, .flag = true },
    },
};

static const usage_row unix_listening = {
    .verb = "listening",
    .example = "unix:/run/app.sock",
    .arguments = {
        { .name = "path", .alias = "address", .read = read_path, .mandatory = true },
        { .name = "mode", .read = read_mode },
        { .name = "backlog", .read = read_backlog },
    },
};

static const usage_row fd_listening = {
    .verb = "listening",
    .example = "fd:3",
    .arguments = { { .name = "descriptor", .read = read_descriptor, .mandatory = true } },
};

static const usage_row tcp_connecting = {
    .verb = "connecting",
    .example = "tcp:192.0.2.1:80",
    .check = check_peer,
    .arguments = {
        { .name = "host", .read = read_host, .mandatory = true },
        { .name = "port", .read = read_peer_port, .mandatory = true },
        { .name = "timeout", .read = read_timeout },
        { .name = "bindAddress", .read = read_local },
    },
};

static const usage_row tcp6_connecting = {
    .verb = "connecting",
    .example = "tcp6:[2001:db8::1]:80",
    .prepare = prepare_only_ipv6,
    .check = check_peer,
    .arguments = {
        { .name = "host", .read = read_host6, .mandatory = true },
        { .name = "port", .read = read_peer_port, .mandatory = true },
        { .name = "timeout", .read = read_timeout },
        { .name = "bindAddress", .read = read_local },
    },
};

static const usage_row unix_connecting = {
    .verb = "connecting",
    .example = "unix:/run/app.sock",
    .arguments = {
        { .name = "path", .alias = "address", .read = read_path, .mandatory = true },
        { .name = "timeout", .read = read_timeout },
    },
};

static const usage_row fd_connecting = {
    .verb = "connecting",
    .example = "fd:0",
    .arguments = { { .name = "descriptor", .read = read_descriptor, .mandatory = true } },
};

static const kind_row kinds[] = {
    { "tcp", &tcp_listening, &tcp_connecting },
    { "tcp6", &tcp6_listening, &tcp6_connecting },
    { "unix", &unix_listening, &unix_connecting },
    { "fd", &fd_listening, &fd_connecting },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* -- from parts to arguments --------------------------------------------------------------- */

static torc_failure *bad(const torc__endpoint *endpoint, const char *format, ...) TORC_PRINTF(2, 3);

static torc_failure *bad(const torc__endpoint *endpoint, const char *format, ...)
{
    char why[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    return torc_failure_new(&torc_error_invalid_argument, "%s: %s",
        endpoint->text[0] != '\0' ? endpoint->text : "endpoint", why);
}

static torc_failure *no_such_kind(const torc__endpoint *endpoint, torc_slice name)
{
    char names[128] = "";
    uint64_t port;

    if (torc_slice_to_number(name, 65535, &port))
        return bad(endpoint, "the kind is missing; write tcp:%.*s", TORC_FMT(name));
    for (size_t i = 0; i < KIND_COUNT; i++) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof(names) - used, "%s%s", i == 0 ? "" : ", ", kinds[i].name);
    }
    return bad(endpoint, "there is no kind of endpoint named '%.*s'; there are %s",
        TORC_FMT(torc_slice_first(name, 64)), names);
}

static torc_failure *no_such_argument(
    const torc__endpoint *endpoint, const kind_row *kind, const usage_row *usage, torc_slice part)
{
    char names[128] = "";

    for (const argument_row *each = usage->arguments; each->name != NULL; each++) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof(names) - used, "%s%s",
            each == usage->arguments ? "" : ", ", each->name);
    }
    return bad(endpoint, "%s takes no '%.*s' for %s; it takes %s", kind->name,
        TORC_FMT(torc_slice_first(part, 64)), usage->verb, names);
}

static const argument_row *argument_named(const usage_row *usage, torc_slice name)
{
    for (const argument_row *each = usage->arguments; each->name != NULL; each++)
        if (torc_slice_is(name, each->name) ||
            (each->alias != NULL && torc_slice_is(name, each->alias)))
            return each;
    return NULL;
}

/* The first place that is still free, in the order of the table; flags have no place. */
static const argument_row *argument_in_place(const usage_row *usage, const torc_slice *values)
{
    const argument_row *each = usage->arguments;

    while (each->name != NULL && (each->flag || values[each - usage->arguments].data != NULL))
        each++;
    return each->name != NULL ? each : NULL;
}

static bool lacks_mandatory(const usage_row *usage, const torc_slice *values)
{
    for (const argument_row *each = usage->arguments; each->name != NULL; each++)
        if (each->mandatory && values[each - usage->arguments].data == NULL)
            return true;
    return false;
}

/* Which argument a value without a name is: a flag's own name counts once all else is there. */
static const argument_row *argument_unnamed(
    const usage_row *usage, const torc_slice *values, torc_slice *value)
{
    const argument_row *flag = argument_named(usage, *value);

    if (flag == NULL || !flag->flag || lacks_mandatory(usage, values))
        return argument_in_place(usage, values);
    value->length = 0;
    return flag;
}

/* Finds the value of each argument; one that is not given stays zeroed. */
static torc_failure *assign(const torc__endpoint *endpoint, const kind_row *kind,
    const usage_row *usage, const torc__description *description, bool named, torc_slice *values)
{
    for (size_t i = 0; i < description->count; i++) {
        const torc__description_part *part = &description->parts[i];
        torc_slice value = part->value;
        const argument_row *argument;

        if ((part->name.length != 0) != named)
            continue;
        argument = named ? argument_named(usage, part->name)
                         : argument_unnamed(usage, values, &value);
        if (argument == NULL)
            return no_such_argument(endpoint, kind, usage, named ? part->name : value);
        if (values[argument - usage->arguments].data != NULL)
            return bad(endpoint, "%s is given twice; give it once", argument->name);
        values[argument - usage->arguments] = value;
    }
    return NULL;
}

static torc_failure *read_arguments(
    torc__endpoint *endpoint, const usage_row *usage, const torc_slice *values)
{
    for (const argument_row *each = usage->arguments; each->name != NULL; each++) {
        torc_slice value = values[each - usage->arguments];
        const char *rule = NULL;

        if (value.data != NULL)
            rule = each->read(endpoint, value);
        else if (each->mandatory)
            rule = "is missing";
        if (rule != NULL)
            return bad(endpoint, "%s %s; write %s", each->name, rule, usage->example);
    }
    if (usage->check != NULL) {
        const char *rule = usage->check(endpoint);

        if (rule != NULL)
            return bad(endpoint, "%s", rule);
    }
    return NULL;
}

static void clear_endpoint(torc__endpoint *endpoint, const char *text)
{
    memset(endpoint, 0, sizeof(*endpoint));
    endpoint->descriptor = -1;
    endpoint->timeout = TORC__CONNECT_TIMEOUT;
    endpoint->options.backlog = TORC__BACKLOG;
    endpoint->options.unix_mode = -1;
    snprintf(endpoint->text, sizeof(endpoint->text), "%s", text);
}

static const kind_row *kind_named(torc_slice name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (torc_slice_is(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}

static torc_failure *read_endpoint(const char *text, bool listening, torc__endpoint *endpoint)
{
    torc__description description;
    torc_slice values[ARGUMENTS_MAX] = { { NULL, 0 } };
    const char *problem;
    const kind_row *kind;
    const usage_row *usage;
    torc_failure *failure;

    clear_endpoint(endpoint, text != NULL ? text : "");
    problem = torc__description_parse(torc_slice_of(text), &description);
    if (problem != NULL)
        return bad(endpoint, "%s", problem);
    kind = kind_named(description.kind);
    if (kind == NULL)
        return no_such_kind(endpoint, description.kind);
    usage = listening ? kind->listening : kind->connecting;
    if (usage->prepare != NULL)
        usage->prepare(endpoint);

    /* Names first: a value without one then takes the first place that is left. */
    failure = assign(endpoint, kind, usage, &description, true, values);
    if (failure == NULL)
        failure = assign(endpoint, kind, usage, &description, false, values);
    if (failure == NULL)
        failure = read_arguments(endpoint, usage, values);
    return failure;
}

torc_failure *torc__endpoint_to_listen(const char *description, torc__endpoint *ret_endpoint)
{
    return read_endpoint(description, true, ret_endpoint);
}

torc_failure *torc__endpoint_to_connect(const char *description, torc__endpoint *ret_endpoint)
{
    return read_endpoint(description, false, ret_endpoint);
}
