/*
 * Targets into paths, and paths into links and pages.
 *
 * The path is built segment by segment in the caller's buffer. What is built is always finished: a
 * segment is judged when its last byte is decoded, so ".." takes away a finished segment and there
 * is no second pass.
 */
#include "web/url_path.h"

#include "web/http_syntax.h"

/* The path under way: `length` bytes are there, of which the open segment begins at `segment`. */
typedef struct builder {
    char *buffer;
    size_t size;
    size_t length;
    size_t segment;
    bool ends_in_slash;
} builder;

/* Takes one byte, decoded, off the front. Gives 0 or the status to answer with. */
static int take_byte(torc_slice *path, char *ret_byte)
{
    char byte = path->data[0];
    int high;
    int low;

    *path = torc_slice_skip(*path, 1);
    *ret_byte = byte;
    if (byte != '%')
        return 0;
    if (path->length < 2)
        return 400;
    high = torc__http_hex_value(path->data[0]);
    low = torc__http_hex_value(path->data[1]);
    *path = torc_slice_skip(*path, 2);
    if (high < 0 || low < 0 || (high == 0 && low == 0))
        return 400;
    *ret_byte = (char)(high << 4 | low);
    return *ret_byte == '/' ? 404 : 0;
}

/* Takes the open segment away, and the "/" before it. */
static void drop_segment(builder *path)
{
    path->length = path->segment > 0 ? path->segment - 1 : 0;
}

/*
 * As drop_segment, and the finished segment before. False where there is none: that is above the
 * root.
 */
static bool climb(builder *path)
{
    drop_segment(path);
    if (path->segment == 0)
        return false;
    while (path->length > 0 && path->buffer[path->length - 1] != '/')
        path->length--;
    if (path->length > 0)
        path->length--;
    return true;
}

static int close_segment(builder *path)
{
    torc_slice segment =
        torc_slice_make(path->buffer + path->segment, path->length - path->segment);

    path->ends_in_slash = true;
    if (torc_slice_is(segment, ".."))
        return climb(path) ? 0 : 400;
    if (segment.length == 0 || torc_slice_is(segment, "."))
        drop_segment(path);
    else
        path->ends_in_slash = false;
    return 0;
}

/* One byte must stay free for the NUL. */
static int append(builder *path, char byte)
{
    if (path->length + 1 >= path->size)
        return 414;
    path->buffer[path->length++] = byte;
    return 0;
}

static int open_segment(builder *path)
{
    int status = path->length > 0 ? append(path, '/') : 0;

    path->segment = path->length;
    return status;
}

/* `text` is empty or begins with "/". */
static int build_path(torc_slice text, builder *path)
{
    int status = 0;

    path->ends_in_slash = true;
    while (text.length > 0 && status == 0) {
        char byte = '\0';

        text = torc_slice_skip(text, 1);
        status = open_segment(path);
        while (status == 0 && text.length > 0 && text.data[0] != '/') {
            status = take_byte(&text, &byte);
            if (status == 0)
                status = append(path, byte);
        }
        if (status == 0)
            status = close_segment(path);
    }
    if (status == 0 && path->length == 0)
        status = append(path, '.');
    return status;
}

/* Takes "http://host:port" off the front. False where that is not what stands there. */
static bool take_authority(torc_slice *target, torc_slice *ret_authority)
{
    static const torc_slice schemes[] = { { "http://", 7 }, { "https://", 8 } };
    torc_slice rest = *target;
    size_t length = 0;

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        torc_slice start = torc_slice_first(*target, schemes[i].length);

        if (torc_slice_equal_ignoring_case(start, schemes[i]))
            rest = torc_slice_skip(*target, schemes[i].length);
    }
    if (rest.length == target->length)
        return false;
    while (length < rest.length && rest.data[length] != '/' && rest.data[length] != '?')
        length++;
    *ret_authority = torc_slice_first(rest, length);
    *target = torc_slice_skip(rest, length);
    return length > 0 && torc__http_host_is_valid(*ret_authority);
}

int torc__url_target_parse(torc_slice target, char *buffer, size_t size,
    torc__url_target *ret_target)
{
    builder path = { .buffer = buffer, .size = size };
    size_t question;
    int status;

    memset(ret_target, 0, sizeof(*ret_target));
    if (torc_slice_find_byte(target, '#') < target.length)
        return 400;
    if (torc_slice_is(target, "*")) {
        ret_target->form = TORC__URL_ASTERISK;
        target = torc_slice_make(NULL, 0);
    } else if (target.length == 0 || target.data[0] != '/') {
        ret_target->form = TORC__URL_ABSOLUTE;
        if (!take_authority(&target, &ret_target->authority))
            return 400;
    }
    question = torc_slice_find_byte(target, '?');
    ret_target->has_query = question < target.length;
    ret_target->query = torc_slice_skip(target, question + 1);
    status = build_path(torc_slice_first(target, question), &path);
    if (status != 0)
        return status;
    buffer[path.length] = '\0';
    ret_target->path = torc_slice_make(buffer, path.length);
    ret_target->ends_in_slash = path.ends_in_slash;
    return 0;
}

static bool stays_in_url(unsigned char byte)
{
    unsigned char small = byte | 0x20;

    return (byte >= '0' && byte <= '9') || (small >= 'a' && small <= 'z') || byte == '/' ||
        byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

size_t torc__url_encode_path(torc_slice path, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    char *start = out;

    for (size_t i = 0; i < path.length; i++) {
        unsigned char byte = (unsigned char)path.data[i];

        if (stays_in_url(byte)) {
            *out++ = path.data[i];
        } else {
            *out++ = '%';
            *out++ = digits[byte >> 4];
            *out++ = digits[byte & 15];
        }
    }
    return (size_t)(out - start);
}

/* How many bytes the first character of `text` takes in UTF-8; 0 where it is none. */
static size_t character_length(torc_slice text)
{
    /* By length: the smallest code point, as a longer form of a smaller one is not UTF-8. */
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char lead = (unsigned char)text.data[0];
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code = (uint32_t)(lead & (0x7f >> length));

    if (lead < 0x80)
        return 1;
    if (lead < 0xc0 || lead > 0xf4 || text.length < length)
        return 0;
    for (size_t i = 1; i < length; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if ((byte & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (byte & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    /* The upper control characters. */
    return code >= 0x80 && code < 0xa0 ? 0 : length;
}

static torc_slice escape_of(char byte)
{
    switch (byte) {
    case '&':
        return TORC_SLICE("&amp;");
    case '<':
        return TORC_SLICE("&lt;");
    case '>':
        return TORC_SLICE("&gt;");
    case '"':
        return TORC_SLICE("&quot;");
    case '\'':
        return TORC_SLICE("&#39;");
    default:
        return torc_slice_make(NULL, 0);
    }
}

size_t torc__html_escape(torc_slice text, char *out)
{
    char *start = out;

    while (text.length > 0) {
        size_t length = character_length(text);
        unsigned char lead = (unsigned char)text.data[0];
        torc_slice piece = torc_slice_first(text, length);

        if (length == 0 || lead < 0x20 || lead == 0x7f) {
            piece = TORC_SLICE("\xef\xbf\xbd");
            length = 1;
        } else if (escape_of(text.data[0]).length > 0) {
            piece = escape_of(text.data[0]);
        }
        memcpy(out, piece.data, piece.length);
        out += piece.length;
        text = torc_slice_skip(text, length);
    }
    return (size_t)(out - start);
}
