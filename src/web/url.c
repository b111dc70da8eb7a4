/*
 * http and https URLs: taking them apart, and following references.
 */
#include "web/url.h"

#include "base/text_writer.h"
#include "web/http_syntax.h"

static const char *read_port(torc_slice text, uint16_t *ret_port)
{
    uint64_t port;

    if (text.length == 0)
        return NULL; /* "host:" is "host": RFC 3986 3.2.3 */
    if (!torc_slice_to_number(text, 65535, &port) || port == 0)
        return "its port must be a number from 1 to 65535";
    *ret_port = (uint16_t)port;
    return NULL;
}

static const char *read_authority(torc_slice authority, torc__url *url)
{
    size_t host_end = 0;

    if (torc_slice_find_byte(authority, '@') != authority.length)
        return "it must not hold a user name";
    if (!torc__http_host_is_valid(authority))
        return "it has no valid host";
    if (authority.length > 0 && authority.data[0] == '[')
        host_end = torc_slice_find_byte(authority, ']');
    host_end += torc_slice_find_byte(torc_slice_skip(authority, host_end), ':');
    url->host = torc_slice_first(authority, host_end);
    url->authority = authority;
    if (url->host.length == 0)
        return "it has no host";
    return read_port(torc_slice_skip(authority, host_end + 1), &url->port);
}

static size_t find_any(torc_slice text, const char *bytes)
{
    size_t index = 0;

    while (index < text.length && strchr(bytes, text.data[index]) == NULL)
        index++;
    return index;
}

/* With a NUL among the bytes, find_any would stop there: those are refused before. */
static bool is_printable(torc_slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] <= ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

/* How long the scheme is that `text` begins with, with its "://"; 0: none of ours. */
static size_t read_scheme(torc_slice text, torc__url *url)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        torc_slice scheme = torc_slice_of(schemes[i]);

        url->secure = i > 0;
        url->port = url->secure ? 443 : 80;
        if (torc_slice_equal_ignoring_case(torc_slice_first(text, scheme.length), scheme))
            return scheme.length;
    }
    return 0;
}

const char *torc__url_parse(torc_slice text, torc__url *ret_url)
{
    size_t scheme_length;
    torc_slice rest;
    size_t end;

    if (text.length > TORC__URL_MAX)
        return "it is longer than 8192 bytes";
    if (!is_printable(text))
        return "spaces and bytes outside of ASCII must be percent-encoded";
    scheme_length = read_scheme(text, ret_url);
    if (scheme_length == 0)
        return "it must begin with http:// or https://";
    rest = torc_slice_skip(text, scheme_length);
    end = find_any(rest, "/?#");
    ret_url->target = torc_slice_skip(rest, end);
    ret_url->target = torc_slice_first(ret_url->target, find_any(ret_url->target, "#"));
    return read_authority(torc_slice_first(rest, end), ret_url);
}

/* -- references ---------------------------------------------------------------------------- */

static const char *scheme_of(const torc__url *url)
{
    return url->secure ? "https" : "http";
}

static bool has_scheme(torc_slice reference)
{
    size_t end = find_any(reference, ":/?#");

    return end < reference.length && reference.data[end] == ':';
}

/* The path of a target, up to and with its last '/'. */
static torc_slice folder_of(torc_slice target)
{
    torc_slice path = torc_slice_first(target, find_any(target, "?"));

    while (path.length > 0 && path.data[path.length - 1] != '/')
        path.length--;
    return path.length > 0 ? path : TORC_SLICE("/");
}

/*
 * Appends `path`, which begins with '/', without "." and ".." segments (RFC 3986 5.2.4). `start` is
 * where the path begins in what is written: it never gets shorter than that.
 */
static void append_path(torc__text_writer *writer, torc_slice path, size_t start)
{
    while (path.length > 0 && writer->length < writer->size) {
        torc_slice segment = torc_slice_skip(path, 1);
        size_t length = torc_slice_find_byte(segment, '/');
        bool last = length == segment.length;

        segment = torc_slice_first(segment, length);
        path = torc_slice_skip(path, length + 1);
        if (torc_slice_is(segment, "..")) {
            while (writer->length > start && writer->text[--writer->length] != '/')
                continue;
        } else if (!torc_slice_is(segment, ".")) {
            torc__text_printf(writer, "/%.*s", TORC_FMT(segment));
            continue;
        }
        if (last)
            torc__text_append(writer, TORC_SLICE("/"));
    }
}

static void append_merged(torc__text_writer *writer, const torc__url *base, torc_slice reference)
{
    size_t path_end = find_any(reference, "?");
    torc_slice path = torc_slice_first(reference, path_end);
    char merged[2 * TORC__URL_MAX + 2];
    torc__text_writer both;

    torc__text_writer_init(&both, merged, sizeof merged);
    if (path.length == 0)
        torc__text_append(&both, torc_slice_first(base->target, find_any(base->target, "?")));
    else if (path.data[0] != '/')
        torc__text_append(&both, folder_of(base->target));
    torc__text_append(&both, path);
    if (both.length == 0)
        torc__text_append(&both, TORC_SLICE("/"));
    torc__text_printf(writer, "%s://%.*s", scheme_of(base), TORC_FMT(base->authority));
    append_path(writer, torc_slice_make(merged, both.length), writer->length);
    if (path_end < reference.length)
        torc__text_append(writer, torc_slice_skip(reference, path_end));
    else if (path.length == 0)
        torc__text_append(writer,
            torc_slice_skip(base->target, find_any(base->target, "?")));
}

bool torc__url_resolve(
    const torc__url *base, torc_slice reference, char ret_text[TORC__URL_MAX + 1])
{
    torc__text_writer writer;
    torc__url checked;

    if (reference.length > TORC__URL_MAX || !is_printable(reference))
        return false;
    reference = torc_slice_first(reference, find_any(reference, "#"));
    torc__text_writer_init(&writer, ret_text, TORC__URL_MAX + 1);
    if (has_scheme(reference))
        torc__text_append(&writer, reference);
    else if (torc_slice_starts_with(reference, TORC_SLICE("//")))
        torc__text_printf(&writer, "%s:%.*s", scheme_of(base), TORC_FMT(reference));
    else
        append_merged(&writer, base, reference);
    return torc__text_finish(&writer) <= TORC__URL_MAX
        && torc__url_parse(torc_slice_of(ret_text), &checked) == NULL;
}

bool torc__url_same_origin(const torc__url *one, const torc__url *other)
{
    return one->secure == other->secure && one->port == other->port
        && torc_slice_equal_ignoring_case(one->host, other->host);
}
