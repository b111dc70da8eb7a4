/*
 * A request is written twice by one function, to be counted and then to be kept, as one block.
 */
#include "web/fetch_request.h"

#include <torc/version.h>

#include "base/text_writer.h"
#include "web/http_syntax.h"

/* -- what may be asked for ----------------------------------------------------------------- */

static bool is_value(torc_slice value)
{
    return torc__http_skip_kind(value.data, 0, value.length, TORC__HTTP_IN_VALUE) == value.length;
}

static bool is_one_of(torc_slice name, const char *const *names)
{
    while (*names != NULL && !torc_slice_equal_ignoring_case(name, torc_slice_of(*names)))
        names++;
    return *names != NULL;
}

/* What the client writes itself, because the framing hangs on it. */
static const char *const own_fields[] = { "connection", "content-length", "host",
    "transfer-encoding", "upgrade", "te", "expect", NULL };

const char *torc__fetch_request_problem(const torc_web_fetch_options *options)
{
    if (options->method != NULL && !torc__http_is_token(torc_slice_of(options->method)))
        return "the method is no token of HTTP";
    if (options->tls != NULL && strlen(options->tls) > TORC__FETCH_TLS_MAX)
        return "the arguments for TLS are too long";
    for (size_t i = 0; i < options->field_count; i++) {
        const torc_web_field *field = &options->fields[i];

        if (!torc__http_is_token(field->name) || !is_value(field->value))
            return "a field's name or value would break the request";
        if (is_one_of(field->name, own_fields))
            return "Host, Connection, Content-Length and their like are the client's own fields";
    }
    return NULL;
}

/* -- what other origins may know ------------------------------------------------------------ */

static const char *const harmless_fields[] = { "accept", "accept-charset", "accept-encoding",
    "accept-language", "cache-control", "pragma", "user-agent", NULL };

/* Of the endpoint "tls". A certificate says who we are, and a name is the first server's. */
static const char *const harmless_tls[] = { "authorities", "trustRoots", "alpn", "pin", "minimum",
    "timeout", "bindAddress", "endpoint", NULL };

/* The first part of a description's rest, as it is written; a '[' hides colons up to its ']'. */
static torc_slice first_part(torc_slice text)
{
    bool in_brackets = torc_slice_starts_with(text, TORC_SLICE("["));
    bool named = false;
    size_t i = 0;

    for (; i < text.length && (in_brackets || text.data[i] != ':'); i++) {
        char byte = text.data[i];

        if (byte == '\\' && i + 1 < text.length)
            i++;
        else if (byte == ']')
            in_brackets = false;
        else if (byte == '=' && !named && !in_brackets) {
            named = true;
            in_brackets = i + 1 < text.length && text.data[i + 1] == '[';
        }
    }
    return torc_slice_first(text, i);
}

/* Those parts stay that are known by their names, each with its ':'. */
static void append_harmless_tls(torc__text_writer *writer, torc_slice tls)
{
    while (tls.length > 0) {
        torc_slice part = first_part(tls);
        torc_slice name = torc_slice_first(part, torc_slice_find_byte(part, '='));

        if (name.length < part.length && is_one_of(name, harmless_tls))
            torc__text_printf(writer, ":%.*s", TORC_FMT(part));
        tls = torc_slice_skip(tls, part.length + 1);
    }
}

/* -- writing it ---------------------------------------------------------------------------- */

static bool has_field(const torc_web_fetch_options *options, const char *name)
{
    for (size_t i = 0; i < options->field_count; i++)
        if (torc_slice_equal_ignoring_case(options->fields[i].name, torc_slice_of(name)))
            return true;
    return false;
}

/* Those that the client adds, those that were given (of them the harmless ones), and the end. */
static void append_fields(
    torc__text_writer *writer, const torc_web_fetch_options *options, bool elsewhere)
{
    if (!has_field(options, "User-Agent"))
        torc__text_printf(writer, "User-Agent: Torc/%s\r\n", TORC_VERSION);
    if (!has_field(options, "Accept"))
        torc__text_append(writer, TORC_SLICE("Accept: */*\r\n"));
    for (size_t i = 0; i < options->field_count; i++) {
        const torc_web_field *field = &options->fields[i];

        if (elsewhere && !is_one_of(field->name, harmless_fields))
            continue;
        torc__text_append(writer, field->name);
        torc__text_append(writer, TORC_SLICE(": "));
        torc__text_append(writer, field->value);
        torc__text_append(writer, TORC_SLICE("\r\n"));
    }
    if (options->body.length > 0 && !elsewhere)
        torc__text_printf(writer, "Content-Length: %zu\r\n", options->body.length);
    torc__text_append(writer, TORC_SLICE("Connection: close\r\n\r\n"));
}

/* What was written since `*mark`, which moves there. */
static torc_slice written_since(const torc__text_writer *writer, size_t *mark)
{
    size_t start = *mark;

    *mark = writer->length;
    return writer->text != NULL ? torc_slice_make(writer->text + start, writer->length - start)
                                : torc_slice_make(NULL, 0);
}

/* Only counted where there is no text to write into. */
static void write_request(torc__text_writer *writer, const torc_web_fetch_options *options,
    torc__fetch_request *ret_parts)
{
    size_t mark = 0;

    torc__text_append(writer, torc_slice_of(options->method != NULL ? options->method : "GET"));
    ret_parts->method = written_since(writer, &mark);
    append_fields(writer, options, false);
    ret_parts->fields = written_since(writer, &mark);
    torc__text_append(writer, options->body);
    ret_parts->body = written_since(writer, &mark);
    if (options->tls != NULL && options->tls[0] != '\0')
        torc__text_printf(writer, ":%s", options->tls);
    ret_parts->tls = written_since(writer, &mark);
    append_fields(writer, options, true);
    ret_parts->fields_elsewhere = written_since(writer, &mark);
    append_harmless_tls(writer, torc_slice_of(options->tls));
    ret_parts->tls_elsewhere = written_since(writer, &mark);
}

bool torc__fetch_request_init(
    torc__fetch_request *request, const torc_web_fetch_options *options)
{
    torc__text_writer writer;

    torc__text_writer_init(&writer, NULL, 0);
    write_request(&writer, options, request);
    /* One byte more than is used: printf ends what it writes with a NUL. */
    request->bytes = torc_buffer_new(writer.length + 1);
    if (request->bytes == NULL)
        return false;
    torc__text_writer_init(&writer, torc_buffer_bytes(request->bytes), writer.length + 1);
    write_request(&writer, options, request);
    return true;
}

void torc__fetch_request_release(torc__fetch_request *request)
{
    torc_buffer_release(request->bytes);
    request->bytes = NULL;
}

void torc__fetch_request_leave_origin(torc__fetch_request *request)
{
    request->fields = request->fields_elsewhere;
    request->body.length = 0;
    request->tls = request->tls_elsewhere;
}
