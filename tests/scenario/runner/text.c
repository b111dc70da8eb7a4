/*
 * Texts, patterns and hex; see text.h.
 */
#include "scenario/runner/text.h"

#include <ctype.h>

enum { REPEAT_MAX = 100 * 1000 * 1000 };

/* The parts of an item being read: bytes gather and become a part when something else comes. */
typedef struct builder {
    torcs_story *story;
    torcs_text_part **end;
    torcs_bytes gathered;
} builder;

static void flush(builder *self)
{
    torcs_text_part *part;

    if (self->gathered.length == 0)
        return;
    part = story_claim(self->story, sizeof(*part));
    part->bytes = torc_slice_make(
        story_copy(self->story, bytes_slice(&self->gathered)), self->gathered.length);
    *self->end = part;
    self->end = &part->next;
    bytes_clear(&self->gathered);
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

static bool read_hex_pair(torc_slice *rest, char *ret_byte)
{
    int high = rest->length >= 2 ? hex_digit(rest->data[0]) : -1;
    int low = rest->length >= 2 ? hex_digit(rest->data[1]) : -1;

    if (high < 0 || low < 0)
        return false;
    *ret_byte = (char)(high * 16 + low);
    *rest = torc_slice_skip(*rest, 2);
    return true;
}

static bool read_variable(builder *self, torc_slice *rest, torcs_bytes *error)
{
    size_t length = torc_slice_find_byte(*rest, '}');
    torcs_text_part *part;

    if (length == rest->length || length == 0) {
        bytes_add_text(error, "a variable is written \\{NAME}");
        return false;
    }
    flush(self);
    part = story_claim(self->story, sizeof(*part));
    part->variable = story_copy(self->story, torc_slice_first(*rest, length));
    *self->end = part;
    self->end = &part->next;
    *rest = torc_slice_skip(*rest, length + 1);
    return true;
}

/* What stands behind a backslash. */
static bool read_escape(builder *self, torc_slice *rest, torcs_bytes *error)
{
    static const char letters[] = "rnt0\\\"";
    static const char values[] = "\r\n\t\0\\\"";
    const char *found;
    char byte;

    if (rest->length == 0) {
        bytes_add_text(error, "a backslash at the end: write \\\\ for one");
        return false;
    }
    byte = rest->data[0];
    *rest = torc_slice_skip(*rest, 1);
    if (byte == '{')
        return read_variable(self, rest, error);
    if (byte == 'x') {
        if (!read_hex_pair(rest, &byte)) {
            bytes_add_text(error, "\\x takes two hex digits, as in \\x7f");
            return false;
        }
        bytes_add(&self->gathered, torc_slice_make(&byte, 1));
        return true;
    }
    found = memchr(letters, byte, sizeof(letters) - 1);
    if (found == NULL) {
        bytes_printf(error, "there is no escape '\\%c': there are \\r \\n \\t \\0 \\\\ \\\" \\xHH "
            "and \\{NAME}", byte);
        return false;
    }
    bytes_add(&self->gathered, torc_slice_make(&values[found - letters], 1));
    return true;
}

/* Reads up to `end` (a quote, or '\0' for the whole of it), with its escapes. */
static bool read_parts(builder *self, torc_slice *rest, char end, torcs_bytes *error)
{
    while (rest->length > 0) {
        char byte = rest->data[0];

        *rest = torc_slice_skip(*rest, 1);
        if (byte == end && end != '\0') {
            flush(self);
            return true;
        }
        if (byte != '\\')
            bytes_add(&self->gathered, torc_slice_make(&byte, 1));
        else if (!read_escape(self, rest, error))
            return false;
    }
    flush(self);
    if (end != '\0')
        bytes_add_text(error, "the closing quote is missing");
    return end == '\0';
}

static bool read_count(torc_slice *rest, uint64_t *ret_count, torcs_bytes *error)
{
    torc_slice after = torc_slice_trim(*rest);
    size_t length = 0;

    *ret_count = 1;
    if (after.length == 0 || after.data[0] != '*')
        return true;
    after = torc_slice_trim(torc_slice_skip(after, 1));
    while (length < after.length && isdigit((unsigned char)after.data[length]))
        length++;
    if (!torc_slice_to_number(torc_slice_first(after, length), REPEAT_MAX, ret_count)) {
        bytes_printf(error, "'*' takes a number up to %d, as in \"ab\" * 20", REPEAT_MAX);
        return false;
    }
    *rest = torc_slice_skip(after, length);
    return true;
}

static torcs_text_item *read_item(torcs_story *story, torc_slice *rest, torcs_bytes *error)
{
    torcs_text_item *item = story_claim(story, sizeof(*item));
    builder parts = { .story = story, .end = &item->parts };
    bool good;

    if (rest->length == 0 || rest->data[0] != '"') {
        bytes_add_text(error, "a text stands in double quotes, as in \"hello\\r\\n\"");
        return NULL;
    }
    *rest = torc_slice_skip(*rest, 1);
    good = read_parts(&parts, rest, '"', error) && read_count(rest, &item->count, error);
    bytes_free(&parts.gathered);
    *rest = torc_slice_trim(*rest);
    return good ? item : NULL;
}

torcs_text_item *text_read(torcs_story *story, torc_slice *rest, torcs_bytes *error)
{
    torcs_text_item *first = NULL;
    torcs_text_item **end = &first;

    do {
        *end = read_item(story, rest, error);
        if (*end == NULL)
            return NULL;
        end = &(*end)->next;
    } while (rest->length > 0);
    return first;
}

bool text_read_line(torcs_story *story, torcs_text_item *item, torc_slice line, torcs_bytes *error)
{
    builder parts = { .story = story, .end = &item->parts };
    bool good;

    while (*parts.end != NULL)
        parts.end = &(*parts.end)->next;
    good = read_parts(&parts, &line, '\0', error);
    if (good) {
        bytes_add_text(&parts.gathered, "\r\n");
        flush(&parts);
    }
    bytes_free(&parts.gathered);
    return good;
}

torcs_text_item *hex_read(torcs_story *story, torc_slice *rest, torcs_bytes *error)
{
    torcs_text_item *item = story_claim(story, sizeof(*item));
    builder parts = { .story = story, .end = &item->parts };
    char byte;

    item->count = 1;
    while (rest->length > 0 && read_hex_pair(rest, &byte)) {
        bytes_add(&parts.gathered, torc_slice_make(&byte, 1));
        *rest = torc_slice_trim(*rest);
    }
    flush(&parts);
    bytes_free(&parts.gathered);
    if (rest->length == 0 && item->parts != NULL)
        return item;
    bytes_add_text(error, "bytes in hex are pairs of digits, as in 0d 0a");
    return NULL;
}

torcs_pattern *pattern_read(torcs_story *story, torc_slice *rest, torcs_bytes *error)
{
    torcs_pattern *self;
    size_t end = rest->length;
    char reason[128];
    int code;

    while (end > 1 && rest->data[end - 1] != '/')
        end--;
    if (rest->length < 2 || rest->data[0] != '/' || end < 2 || end != rest->length) {
        bytes_add_text(error, "a pattern stands between slashes, as in /^Date: .* GMT$/");
        return NULL;
    }
    self = story_claim(story, sizeof(*self));
    self->source = story_copy(story, torc_slice_make(rest->data + 1, end - 2));
    code = regcomp(&self->regex, self->source, REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        regerror(code, &self->regex, reason, sizeof(reason));
        bytes_printf(
            error, "the pattern /%s/ is not a regular expression: %s", self->source, reason);
        return NULL;
    }
    self->next = story->patterns;
    story->patterns = self;
    *rest = torc_slice_skip(*rest, end);
    return self;
}

bool pattern_fits(const torcs_pattern *self, torc_slice line)
{
    torcs_bytes text = { NULL, 0, 0 };
    bool fits;

    bytes_add(&text, line);
    fits = regexec(&self->regex, text.data, 0, NULL, 0) == 0;
    bytes_free(&text);
    return fits;
}
