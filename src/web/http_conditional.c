/*
 * Conditions of a request, in the order of RFC 9110 13.2.2: entity tags before dates, and of the
 * two that guard a change before the two that spare a transfer.
 */
#include "web/http_conditional.h"

#include "web/http_date.h"

typedef bool etag_comparison(torc_slice a, torc_slice b);

static bool is_weak(torc_slice etag)
{
    return torc_slice_starts_with(etag, TORC_SLICE("W/"));
}

static torc_slice opaque_part(torc_slice etag)
{
    return is_weak(etag) ? torc_slice_skip(etag, 2) : etag;
}

bool torc__http_etags_match_strongly(torc_slice a, torc_slice b)
{
    return a.length > 0 && !is_weak(a) && torc_slice_equal(a, b);
}

bool torc__http_etags_match_weakly(torc_slice a, torc_slice b)
{
    return a.length > 0 && torc_slice_equal(opaque_part(a), opaque_part(b));
}

/*
 * Takes the next entity tag off the front of a list. Unlike a quoted string it knows no backslash,
 * and it may hold a comma. False at the end and at what is no entity tag.
 */
static bool take_etag(torc_slice *list, torc_slice *ret_etag)
{
    torc_slice rest = *list;
    size_t mark;
    size_t length;

    while (rest.length > 0 && memchr(" \t,", rest.data[0], 3) != NULL)
        rest = torc_slice_skip(rest, 1);
    mark = is_weak(rest) ? 2 : 0;
    if (rest.length <= mark || rest.data[mark] != '"')
        return false;
    length = mark + 1 + torc_slice_find_byte(torc_slice_skip(rest, mark + 1), '"') + 1;
    if (length > rest.length)
        return false;
    *ret_etag = torc_slice_first(rest, length);
    *list = torc_slice_skip(rest, length);
    return true;
}

static bool value_names(torc_slice value, const torc__http_validators *validators,
    etag_comparison *matches)
{
    torc_slice etag;

    if (torc_slice_is(value, "*"))
        return validators->exists;
    while (take_etag(&value, &etag))
        if (matches(etag, validators->etag))
            return true;
    return false;
}

/* Looks at every line of the field: a list may be sent in several. */
static bool field_names(const torc__http_head *head, torc__http_known_field field,
    const torc__http_validators *validators, etag_comparison *matches)
{
    size_t first = (size_t)head->known[field] - 1;
    torc_slice name = head->fields[first].name;

    for (size_t i = first; i < head->field_count; i++)
        if (torc_slice_equal_ignoring_case(head->fields[i].name, name) &&
            value_names(head->fields[i].value, validators, matches))
            return true;
    return false;
}

/* Whether the field's date can be read and the representation has not changed since. */
static bool is_unchanged_since(const torc__http_head *head, torc__http_known_field field,
    const torc__http_validators *validators, int64_t now, bool *ret_valid)
{
    int64_t since;

    *ret_valid = validators->has_modified &&
        torc__http_date_parse(torc__http_head_value(head, field), now, &since);
    return *ret_valid && validators->modified <= since;
}

static bool guards_hold(const torc__http_head *head, const torc__http_validators *validators,
    int64_t now)
{
    bool valid;
    bool unchanged;

    if (torc__http_head_has(head, TORC__HTTP_IF_MATCH))
        return field_names(head, TORC__HTTP_IF_MATCH, validators, torc__http_etags_match_strongly);
    unchanged = is_unchanged_since(head, TORC__HTTP_IF_UNMODIFIED_SINCE, validators, now, &valid);
    return unchanged || !valid;
}

torc__http_verdict torc__http_evaluate_conditions(const torc__http_head *head,
    const torc__http_validators *validators, int64_t now)
{
    bool reads = head->method == TORC__HTTP_GET || head->method == TORC__HTTP_HEAD;
    bool valid;

    if (!guards_hold(head, validators, now))
        return TORC__HTTP_PRECONDITION_FAILED;
    if (torc__http_head_has(head, TORC__HTTP_IF_NONE_MATCH)) {
        if (!field_names(head, TORC__HTTP_IF_NONE_MATCH, validators, torc__http_etags_match_weakly))
            return TORC__HTTP_PROCEED;
        return reads ? TORC__HTTP_NOT_MODIFIED : TORC__HTTP_PRECONDITION_FAILED;
    }
    if (reads &&
        is_unchanged_since(head, TORC__HTTP_IF_MODIFIED_SINCE, validators, now, &valid))
        return TORC__HTTP_NOT_MODIFIED;
    return TORC__HTTP_PROCEED;
}

bool torc__http_range_applies(const torc__http_head *head, const torc__http_validators *validators,
    int64_t now)
{
    torc_slice value = torc__http_head_value(head, TORC__HTTP_IF_RANGE);
    torc_slice rest = value;
    torc_slice etag;
    int64_t date;

    if (!torc__http_head_has(head, TORC__HTTP_IF_RANGE))
        return true;
    if (take_etag(&rest, &etag))
        return etag.length == value.length &&
            torc__http_etags_match_strongly(etag, validators->etag);
    /* RFC 9110 8.8.2.2: within one second a file may change twice and show one date. */
    return validators->has_modified && torc__http_date_parse(value, now, &date) &&
        date == validators->modified && validators->modified < now;
}
