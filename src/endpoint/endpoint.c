/*
 * From a description to the struct: finds the kind, gives its arguments their values, and has them
 * read. Kinds are rows of tables (kind.h); nothing here opens anything.
 */
#include "endpoint/endpoint.h"

#include "base/memory.h"
#include "endpoint/description.h"
#include "endpoint/kind.h"

#include <stdarg.h>
#include <stdio.h>

/* So deep may endpoints stand in each other. */
enum { DEPTH_MAX = 4 };

/* -- from parts to arguments --------------------------------------------------------------- */

torc_failure *torc__endpoint_bad(const torc__endpoint *endpoint, const char *format, ...)
{
    char why[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    return torc_failure_new(&torc_error_invalid_argument, "%s: %s",
        endpoint->text[0] != '\0' ? endpoint->text : "endpoint", why);
}

/* One of a table, or of all those of streams where there is none. */
static const torc__kind *kind_of(const torc__kind *kinds, size_t count, size_t index)
{
    if (kinds == NULL)
        return torc__kind_at(index);
    return index < count ? &kinds[index] : NULL;
}

static torc_failure *no_such_kind(const torc__endpoint *endpoint, const torc__kind *kinds,
    size_t count, torc_slice name)
{
    char names[256] = "";
    uint64_t port;

    if (torc_slice_to_number(name, 65535, &port))
        return torc__endpoint_bad(endpoint, "the kind is missing; write %s:%.*s",
            kind_of(kinds, count, 0)->name, TORC_FMT(name));
    if (torc_slice_is(name, "tls") || torc_slice_is(name, "ssl"))
        return torc__endpoint_bad(endpoint, "the program does not know '%.*s' yet: let it call "
            "torc_tls_use() of torc-tls when it starts", TORC_FMT(name));
    for (size_t i = 0; kind_of(kinds, count, i) != NULL; i++) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof(names) - used, "%s%s", i == 0 ? "" : ", ",
            kind_of(kinds, count, i)->name);
    }
    return torc__endpoint_bad(endpoint, "there is no kind of endpoint named '%.*s'; there are %s",
        TORC_FMT(torc_slice_first(name, 64)), names);
}

static torc_failure *no_such_argument(
    const torc__endpoint *endpoint, const torc__kind *kind, const torc__usage *usage, torc_slice part)
{
    char names[128] = "";

    for (const torc__argument *each = usage->arguments; each->name != NULL; each++) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof(names) - used, "%s%s",
            each == usage->arguments ? "" : ", ", each->name);
    }
    return torc__endpoint_bad(endpoint, "%s takes no '%.*s' for %s; it takes %s", kind->name,
        TORC_FMT(torc_slice_first(part, 64)), usage->verb, names);
}

static const torc__argument *argument_named(const torc__usage *usage, torc_slice name)
{
    for (const torc__argument *each = usage->arguments; each->name != NULL; each++)
        if (torc_slice_is(name, each->name) ||
            (each->alias != NULL && torc_slice_is(name, each->alias)))
            return each;
    return NULL;
}

/* The first place that is still free, in the order of the table; flags have no place. */
static const torc__argument *argument_in_place(const torc__usage *usage, const torc_slice *values)
{
    const torc__argument *each = usage->arguments;

    while (each->name != NULL &&
        (each->flag || each->secret || values[each - usage->arguments].data != NULL))
        each++;
    return each->name != NULL ? each : NULL;
}

static bool lacks_mandatory(const torc__usage *usage, const torc_slice *values)
{
    for (const torc__argument *each = usage->arguments; each->name != NULL; each++)
        if (each->mandatory && values[each - usage->arguments].data == NULL)
            return true;
    return false;
}

/* Which argument a value without a name is: a flag's own name counts once all else is there. */
static const torc__argument *argument_unnamed(
    const torc__usage *usage, const torc_slice *values, torc_slice *value)
{
    const torc__argument *flag = argument_named(usage, *value);

    if (flag == NULL || !flag->flag || lacks_mandatory(usage, values))
        return argument_in_place(usage, values);
    value->length = 0;
    return flag;
}

/* Finds the value of each argument; one that is not given stays zeroed. */
static torc_failure *assign(const torc__endpoint *endpoint, const torc__kind *kind,
    const torc__usage *usage, const torc__description *description, bool named, torc_slice *values)
{
    for (size_t i = 0; i < description->count; i++) {
        const torc__description_part *part = &description->parts[i];
        torc_slice value = part->value;
        const torc__argument *argument;

        if ((part->name.length != 0) != named)
            continue;
        argument = named ? argument_named(usage, part->name)
                         : argument_unnamed(usage, values, &value);
        if (argument == NULL)
            return no_such_argument(endpoint, kind, usage, named ? part->name : value);
        if (values[argument - usage->arguments].data != NULL)
            return torc__endpoint_bad(endpoint, "%s is given twice; give it once", argument->name);
        values[argument - usage->arguments] = value;
    }
    return NULL;
}

static torc_failure *read_arguments(
    torc__endpoint *endpoint, const torc__usage *usage, const torc_slice *values)
{
    for (const torc__argument *each = usage->arguments; each->name != NULL; each++) {
        torc_slice value = values[each - usage->arguments];
        const char *rule = NULL;

        if (value.data != NULL)
            rule = each->read(endpoint, value);
        else if (each->mandatory)
            rule = "is missing";
        if (rule != NULL)
            return torc__endpoint_bad(endpoint, "%s %s; write %s", each->name, rule, usage->example);
    }
    if (usage->check != NULL) {
        const char *rule = usage->check(endpoint);

        if (rule != NULL)
            return torc__endpoint_bad(endpoint, "%s", rule);
    }
    return NULL;
}

/*
 * Passwords do not belong into messages and logs: whatever stands behind the word is left out, in
 * an endpoint within another up to that one's end.
 */
static void hide_passwords(char *text)
{
    char *at = text;

    while ((at = strstr(at, "password")) != NULL) {
        char *end;

        at += strlen("password");
        while (*at == '\\')
            at++;
        if (*at != '=')
            continue;
        end = ++at;
        while (*end != '\0' && *end != ':')
            end += end[0] == '\\' && end[1] != '\0' ? 2 : 1;
        if (end - at > 3) {
            memmove(at + 3, end, strlen(end) + 1);
            end = at + 3;
        }
        memset(at, '*', (size_t)(end - at));
    }
}

static void clear_endpoint(torc__endpoint *endpoint, const char *text)
{
    memset(endpoint, 0, sizeof(*endpoint));
    endpoint->descriptor = -1;
    endpoint->timeout = TORC__CONNECT_TIMEOUT;
    endpoint->options.backlog = TORC__BACKLOG;
    endpoint->options.unix_mode = -1;
    snprintf(endpoint->text, sizeof(endpoint->text), "%s", text);
    hide_passwords(endpoint->text);
}

/* What is left of an endpoint that could not be read must not be used, nor be released again. */
static torc_failure *give_up(torc__endpoint *endpoint, torc_failure *failure)
{
    torc__layer_release(endpoint->layers);
    endpoint->layers = NULL;
    return failure;
}

static torc_failure *read_usage(torc__endpoint *endpoint, const torc__kind *kind,
    const torc__usage *usage, const torc__description *description)
{
    torc_slice values[TORC__ARGUMENTS_MAX] = { { NULL, 0 } };
    torc_failure *failure;

    if (usage->prepare != NULL)
        usage->prepare(endpoint);
    /* Names first: a value without one then takes the first place that is left. */
    failure = assign(endpoint, kind, usage, description, true, values);
    if (failure == NULL)
        failure = assign(endpoint, kind, usage, description, false, values);
    if (failure == NULL)
        failure = read_arguments(endpoint, usage, values);
    if (failure == NULL && usage->finish != NULL)
        failure = usage->finish(endpoint);
    return failure;
}

/* With room for what the kind keeps meanwhile, which another kind may be reading around it. */
static torc_failure *read_with_own(torc__endpoint *endpoint, const torc__kind *kind,
    const torc__usage *usage, const torc__description *description)
{
    void *outer = endpoint->own;
    torc_failure *failure;

    endpoint->own = torc__allocate_zeroed(usage->own_size);
    if (endpoint->own != NULL)
        failure = read_usage(endpoint, kind, usage, description);
    else
        failure = torc_failure_new(&torc_error_out_of_memory, "%s: out of memory", endpoint->text);
    if (endpoint->own != NULL && usage->clear != NULL)
        usage->clear(endpoint);
    torc__free(endpoint->own);
    endpoint->own = outer;
    return failure;
}

static torc_failure *read_description(torc__endpoint *endpoint, torc_slice text, bool listening)
{
    size_t end = torc_slice_find_byte(text, ':');
    const torc__kind *kind = torc__kind_named(torc_slice_first(text, end));
    torc__description description;
    const torc__usage *usage;
    const char *problem;

    if (kind != NULL && kind->wrap != NULL) {
        torc_failure *failure =
            torc__endpoint_read_inner(endpoint, torc_slice_skip(text, end + 1), listening);

        return failure != NULL ? failure : kind->wrap(endpoint, listening);
    }
    problem = torc__description_parse(text, &description);
    if (problem != NULL)
        return torc__endpoint_bad(endpoint, "%s", problem);
    kind = torc__kind_named(description.kind);
    if (kind == NULL || kind->wrap != NULL)
        return no_such_kind(endpoint, NULL, 0, description.kind);
    if (kind->expand != NULL)
        /* cppcheck-suppress returnDanglingLifetime ; what it gives is a failure of its own */
        return kind->expand(kind, endpoint, &description, listening);
    usage = listening ? kind->listening : kind->connecting;
    if (usage == NULL)
        return torc__endpoint_bad(endpoint, "%s is not for %s", kind->name,
            listening ? "listening" : "connecting");
    return usage->own_size > 0 ? read_with_own(endpoint, kind, usage, &description)
                               : read_usage(endpoint, kind, usage, &description);
}

torc_failure *torc__endpoint_read_inner(
    torc__endpoint *endpoint, torc_slice description, bool listening)
{
    if (++endpoint->depth > DEPTH_MAX)
        return torc__endpoint_bad(endpoint, "endpoints stand in each other too deep");
    return read_description(endpoint, description, listening);
}

torc_failure *torc__endpoint_read_by(const torc__kind *kinds, size_t count, const char *text,
    bool listening, torc__endpoint *endpoint)
{
    torc__description description;
    const char *problem;
    size_t i = 0;

    clear_endpoint(endpoint, text != NULL ? text : "");
    problem = torc__description_parse(torc_slice_of(text), &description);
    if (problem != NULL)
        return torc__endpoint_bad(endpoint, "%s", problem);
    while (i < count && !torc_slice_is(description.kind, kinds[i].name))
        i++;
    if (i == count)
        return no_such_kind(endpoint, kinds, count, description.kind);
    return read_usage(
        endpoint, &kinds[i], listening ? kinds[i].listening : kinds[i].connecting, &description);
}

void torc__endpoint_add_layer(torc__endpoint *endpoint, torc__layer *layer)
{
    torc__layer **last = &endpoint->layers;

    while (*last != NULL)
        last = &(*last)->next;
    *last = layer;
}

static torc_failure *read_endpoint(const char *text, bool listening, torc__endpoint *endpoint)
{
    torc_failure *failure;

    clear_endpoint(endpoint, text != NULL ? text : "");
    failure = read_description(endpoint, torc_slice_of(text), listening);
    return failure != NULL ? give_up(endpoint, failure) : NULL;
}

torc_failure *torc__endpoint_to_listen(const char *description, torc__endpoint *ret_endpoint)
{
    return read_endpoint(description, true, ret_endpoint);
}

torc_failure *torc__endpoint_to_connect(const char *description, torc__endpoint *ret_endpoint)
{
    return read_endpoint(description, false, ret_endpoint);
}
