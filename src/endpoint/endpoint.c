/*
 * The table of kinds. A row names a kind and lists its arguments, in their places; each argument
 * knows how to read its value into the struct. Nothing here opens anything.
 *
 * An argument's reader gives NULL or the rule that the value broke ("must be …"), so that every
 * message has the same shape: "DESCRIPTION: ARGUMENT RULE; write EXAMPLE".
 */
#include "endpoint/endpoint.h"

#include "endpoint/arguments.h"
#include "endpoint/description.h"

#include <stdarg.h>
#include <stdio.h>

/* -- kinds --------------------------------------------------------------------------------- */

static const torc__usage_row tcp_listening = {
    .verb = "listening",
    .example = "tcp:8080",
    .prepare = torc__endpoint_prepare_any_ipv4,
    .check = torc__endpoint_put_port,
    .arguments = {
        { .name = "port", .read = torc__endpoint_read_port, .mandatory = true },
        { .name = "interface", .read = torc__endpoint_read_interface },
        { .name = "backlog", .read = torc__endpoint_read_backlog },
        { .name = "reuseport", .read = torc__endpoint_read_reuse_port, .flag = true },
    },
};

static const torc__usage_row tcp6_listening = {
    .verb = "listening",
    .example = "tcp6:8080",
    .prepare = torc__endpoint_prepare_any_ipv6,
    .check = torc__endpoint_put_port,
    .arguments = {
        { .name = "port", .read = torc__endpoint_read_port, .mandatory = true },
        { .name = "interface", .read = torc__endpoint_read_interface6 },
        { .name = "backlog", .read = torc__endpoint_read_backlog },
        { .name = "reuseport", .read = torc__endpoint_read_reuse_port, .flag = true },
    },
};

static const torc__usage_row unix_listening = {
    .verb = "listening",
    .example = "unix:/run/app.sock",
    .arguments = {
        { .name = "path", .alias = "address", .read = torc__endpoint_read_path, .mandatory = true },
        { .name = "mode", .read = torc__endpoint_read_mode },
        { .name = "backlog", .read = torc__endpoint_read_backlog },
    },
};

static const torc__usage_row fd_listening = {
    .verb = "listening",
    .example = "fd:3",
    .arguments = { { .name = "descriptor", .read = torc__endpoint_read_descriptor, .mandatory = true } },
};

static const torc__usage_row tcp_connecting = {
    .verb = "connecting",
    .example = "tcp:192.0.2.1:80",
    .check = torc__endpoint_check_peer,
    .arguments = {
        { .name = "host", .read = torc__endpoint_read_host, .mandatory = true },
        { .name = "port", .read = torc__endpoint_read_peer_port, .mandatory = true },
        { .name = "timeout", .read = torc__endpoint_read_timeout },
        { .name = "bindAddress", .read = torc__endpoint_read_local },
    },
};

static const torc__usage_row tcp6_connecting = {
    .verb = "connecting",
    .example = "tcp6:[2001:db8::1]:80",
    .prepare = torc__endpoint_prepare_only_ipv6,
    .check = torc__endpoint_check_peer,
    .arguments = {
        { .name = "host", .read = torc__endpoint_read_host6, .mandatory = true },
        { .name = "port", .read = torc__endpoint_read_peer_port, .mandatory = true },
        { .name = "timeout", .read = torc__endpoint_read_timeout },
        { .name = "bindAddress", .read = torc__endpoint_read_local },
    },
};

static const torc__usage_row unix_connecting = {
    .verb = "connecting",
    .example = "unix:/run/app.sock",
    .arguments = {
        { .name = "path", .alias = "address", .read = torc__endpoint_read_path, .mandatory = true },
        { .name = "timeout", .read = torc__endpoint_read_timeout },
    },
};

static const torc__usage_row fd_connecting = {
    .verb = "connecting",
    .example = "fd:0",
    .arguments = { { .name = "descriptor", .read = torc__endpoint_read_descriptor, .mandatory = true } },
};

static const torc__kind_row kinds[] = {
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

static torc_failure *no_such_kind(const torc__endpoint *endpoint, const torc__kind_row *rows,
    size_t count, torc_slice name)
{
    char names[128] = "";
    uint64_t port;

    if (torc_slice_to_number(name, 65535, &port))
        return bad(endpoint, "the kind is missing; write %s:%.*s",
            rows[0].name, TORC_FMT(name));
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof(names) - used, "%s%s", i == 0 ? "" : ", ", rows[i].name);
    }
    return bad(endpoint, "there is no kind of endpoint named '%.*s'; there are %s",
        TORC_FMT(torc_slice_first(name, 64)), names);
}

static torc_failure *no_such_argument(
    const torc__endpoint *endpoint, const torc__kind_row *kind, const torc__usage_row *usage, torc_slice part)
{
    char names[128] = "";

    for (const torc__argument_row *each = usage->arguments; each->name != NULL; each++) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof(names) - used, "%s%s",
            each == usage->arguments ? "" : ", ", each->name);
    }
    return bad(endpoint, "%s takes no '%.*s' for %s; it takes %s", kind->name,
        TORC_FMT(torc_slice_first(part, 64)), usage->verb, names);
}

static const torc__argument_row *argument_named(const torc__usage_row *usage, torc_slice name)
{
    for (const torc__argument_row *each = usage->arguments; each->name != NULL; each++)
        if (torc_slice_is(name, each->name) ||
            (each->alias != NULL && torc_slice_is(name, each->alias)))
            return each;
    return NULL;
}

/* The first place that is still free, in the order of the table; flags have no place. */
static const torc__argument_row *argument_in_place(const torc__usage_row *usage, const torc_slice *values)
{
    const torc__argument_row *each = usage->arguments;

    while (each->name != NULL && (each->flag || values[each - usage->arguments].data != NULL))
        each++;
    return each->name != NULL ? each : NULL;
}

static bool lacks_mandatory(const torc__usage_row *usage, const torc_slice *values)
{
    for (const torc__argument_row *each = usage->arguments; each->name != NULL; each++)
        if (each->mandatory && values[each - usage->arguments].data == NULL)
            return true;
    return false;
}

/* Which argument a value without a name is: a flag's own name counts once all else is there. */
static const torc__argument_row *argument_unnamed(
    const torc__usage_row *usage, const torc_slice *values, torc_slice *value)
{
    const torc__argument_row *flag = argument_named(usage, *value);

    if (flag == NULL || !flag->flag || lacks_mandatory(usage, values))
        return argument_in_place(usage, values);
    value->length = 0;
    return flag;
}

/* Finds the value of each argument; one that is not given stays zeroed. */
static torc_failure *assign(const torc__endpoint *endpoint, const torc__kind_row *kind,
    const torc__usage_row *usage, const torc__description *description, bool named, torc_slice *values)
{
    for (size_t i = 0; i < description->count; i++) {
        const torc__description_part *part = &description->parts[i];
        torc_slice value = part->value;
        const torc__argument_row *argument;

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
    torc__endpoint *endpoint, const torc__usage_row *usage, const torc_slice *values)
{
    for (const torc__argument_row *each = usage->arguments; each->name != NULL; each++) {
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

static const torc__kind_row *kind_named(
    const torc__kind_row *rows, size_t count, torc_slice name)
{
    for (size_t i = 0; i < count; i++)
        if (torc_slice_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}

torc_failure *torc__endpoint_read(const char *text, const torc__kind_row *rows, size_t row_count,
    bool listening, torc__endpoint *endpoint)
{
    torc__description description;
    torc_slice values[TORC__ARGUMENTS_MAX] = { { NULL, 0 } };
    const char *problem;
    const torc__kind_row *kind;
    const torc__usage_row *usage;
    torc_failure *failure;

    clear_endpoint(endpoint, text != NULL ? text : "");
    problem = torc__description_parse(torc_slice_of(text), &description);
    if (problem != NULL)
        return bad(endpoint, "%s", problem);
    kind = kind_named(rows, row_count, description.kind);
    if (kind == NULL)
        return no_such_kind(endpoint, rows, row_count, description.kind);
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
    return torc__endpoint_read(description, kinds, KIND_COUNT, true, ret_endpoint);
}

torc_failure *torc__endpoint_to_connect(const char *description, torc__endpoint *ret_endpoint)
{
    return torc__endpoint_read(description, kinds, KIND_COUNT, false, ret_endpoint);
}
