/*
 * Kinds of the program's own: their arguments are told apart here, and the description that stands
 * behind them is read in their place.
 */
#include <torc/endpoint_kind.h>

#include "endpoint/kind.h"

typedef struct user_kind {
    torc__kind kind;
    const torc_endpoint_kind *own;
} user_kind;

static user_kind kinds[TORC__FURTHER_KINDS_MAX];
static size_t count;

/* NULL where there is none of the name. */
static const char **place_named(
    const torc_endpoint_kind *own, torc_slice name, const char **values)
{
    for (size_t i = 0; own->arguments[i] != NULL; i++)
        if (torc_slice_is(name, own->arguments[i]))
            return &values[i];
    return NULL;
}

static const char **place_free(const torc_endpoint_kind *own, const char **values)
{
    for (size_t i = 0; own->arguments[i] != NULL; i++)
        if (values[i] == NULL)
            return &values[i];
    return NULL;
}

static torc_failure *assign(const torc_endpoint_kind *own, const torc__endpoint *endpoint,
    const torc__description *description, bool named, const char **values)
{
    for (size_t i = 0; i < description->count; i++) {
        const torc__description_part *part = &description->parts[i];
        const char **place;

        if ((part->name.length != 0) != named)
            continue;
        place = named ? place_named(own, part->name, values) : place_free(own, values);
        if (place == NULL)
            return torc__endpoint_bad(endpoint, "%s takes no '%.*s'; write %s", own->name,
                TORC_FMT(torc_slice_first(named ? part->name : part->value, 64)), own->example);
        if (*place != NULL)
            return torc__endpoint_bad(
                endpoint, "%.*s is given twice; give it once", TORC_FMT(part->name));
        *place = part->value.data;
    }
    return NULL;
}

static torc_failure *check_mandatory(const torc_endpoint_kind *own,
    const torc__endpoint *endpoint, const char *const *values)
{
    for (size_t i = 0; i < own->mandatory; i++)
        if (values[i] == NULL)
            return torc__endpoint_bad(
                endpoint, "%s is missing; write %s", own->arguments[i], own->example);
    return NULL;
}

static torc_failure *expand(const torc__kind *kind, torc__endpoint *endpoint,
    const torc__description *description, bool listening)
{
    const torc_endpoint_kind *own = TORC_CONTAINER_OF(kind, const user_kind, kind)->own;
    torc_endpoint_expander *expander = listening ? own->listening : own->connecting;
    const char *values[TORC_ENDPOINT_ARGUMENTS_MAX] = { NULL };
    char text[TORC__DESCRIPTION_LENGTH_MAX + 2] = "";
    torc_failure *failure;

    if (expander == NULL)
        return torc__endpoint_bad(
            endpoint, "%s is not for %s", own->name, listening ? "listening" : "connecting");
    failure = assign(own, endpoint, description, true, values);
    if (failure == NULL)
        failure = assign(own, endpoint, description, false, values);
    if (failure == NULL)
        failure = check_mandatory(own, endpoint, values);
    if (failure == NULL)
        failure = expander(own->context, values, text, sizeof(text));
    if (failure != NULL)
        return failure;
    return torc__endpoint_read_inner(endpoint, torc_slice_of(text), listening);
}

bool torc_endpoint_kind_add(const torc_endpoint_kind *kind)
{
    size_t arguments = 0;

    for (size_t i = 0; i < count; i++)
        if (kinds[i].own == kind)
            return true;
    while (kind->arguments[arguments] != NULL)
        arguments++;
    if (count == TORC__FURTHER_KINDS_MAX || arguments > TORC_ENDPOINT_ARGUMENTS_MAX)
        return false;
    kinds[count].own = kind;
    kinds[count].kind.name = kind->name;
    kinds[count].kind.expand = expand;
    if (!torc__kind_register(&kinds[count].kind))
        return false;
    count++;
    return true;
}
