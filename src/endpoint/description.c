/*
 * Takes a description apart in one pass, each byte looked at once. What is read is copied to the
 * description's own storage without its escapes; every divider becomes a NUL there, which is why
 * storage of the text's length and one suffices.
 */
#include "endpoint/description.h"

typedef struct reader {
    torc_slice text;
    size_t at;
    char *out;
    bool in_brackets;
    bool named; /* the part's '=' has been seen */
} reader;

/* What ended the word that read_word gave. */
typedef enum word_end {
    AT_END,
    AT_COLON,
    AT_EQUALS,
} word_end;

static const char *check_text(torc_slice text)
{
    if (text.length == 0)
        return "the description is empty; write for example tcp:8080";
    if (text.length > TORC__DESCRIPTION_LENGTH_MAX)
        return "the description is longer than 1024 bytes";
    if (memchr(text.data, '\0', text.length) != NULL)
        return "the description holds a NUL byte";
    return NULL;
}

static bool is_divider(const reader *self, char byte)
{
    return !self->in_brackets && (byte == ':' || (byte == '=' && !self->named));
}

/* Reads up to the next divider, which is taken too. */
static const char *read_word(reader *self, torc_slice *ret_word, word_end *ret_end)
{
    char *start = self->out;

    *ret_end = AT_END;
    self->in_brackets = self->at < self->text.length && self->text.data[self->at] == '[';
    while (self->at < self->text.length) {
        char byte = self->text.data[self->at++];

        if (is_divider(self, byte)) {
            *ret_end = byte == ':' ? AT_COLON : AT_EQUALS;
            break;
        }
        if (byte == ']')
            self->in_brackets = false;
        if (byte == '\\') {
            if (self->at == self->text.length)
                return "the '\\' at the end escapes nothing; write '\\\\' for a backslash";
            byte = self->text.data[self->at++];
        }
        *self->out++ = byte;
    }
    if (self->in_brackets)
        return "a '[' is not closed; write '\\[' for one that belongs to the value";
    *ret_word = torc_slice_make(start, (size_t)(self->out - start));
    *self->out++ = '\0';
    return NULL;
}

static const char *read_part(reader *self, torc__description_part *part, word_end *ret_end)
{
    const char *problem;

    self->named = false;
    part->name = torc_slice_make(NULL, 0);
    problem = read_word(self, &part->value, ret_end);
    if (problem != NULL || *ret_end != AT_EQUALS)
        return problem;
    if (part->value.length == 0)
        return "a name is missing before '='; write '\\=' for one that belongs to the value";
    part->name = part->value;
    self->named = true;
    return read_word(self, &part->value, ret_end);
}

const char *torc__description_parse(torc_slice text, torc__description *ret_description)
{
    reader self = { .text = text, .out = ret_description->storage, .named = true };
    const char *problem = check_text(text);
    word_end end = AT_END;

    ret_description->count = 0;
    if (problem == NULL)
        problem = read_word(&self, &ret_description->kind, &end);
    while (problem == NULL && end == AT_COLON) {
        if (ret_description->count == TORC__DESCRIPTION_PARTS_MAX)
            return "the description has more than 16 parts";
        problem = read_part(&self, &ret_description->parts[ret_description->count], &end);
        ret_description->count++;
    }
    return problem;
}
