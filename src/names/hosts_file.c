/*
 * A line is an address and names. Each name of a line is an object of its own in the table; the
 * addresses of a name that stands on several lines are chained.
 */
#include "names/hosts_file.h"

#include "base/memory.h"

enum { NAME_MAX_LENGTH = 255 };

struct torc__hosts_line {
    torc__hash_entry hashed; /* the first of a name; the others hang on it */
    torc__hosts_line *next;  /* of all */
    torc__hosts_line *same;  /* of this name */
    torc__hosts_line *last;  /* of this name; of the first only */
    uint8_t kind;
    uint8_t ip[16];
    uint32_t scope_id;
    uint8_t length;
    char name[];
};

static torc_slice key_of(const torc__hash_entry *hashed)
{
    const torc__hosts_line *line = TORC_CONTAINER_OF(hashed, torc__hosts_line, hashed);

    return torc_slice_make(line->name, line->length);
}

void torc__hosts_init(torc__hosts *hosts)
{
    torc__hash_table_init(&hosts->names, key_of);
    hosts->lines = NULL;
}

void torc__hosts_clear(torc__hosts *hosts)
{
    torc__hash_table_clear(&hosts->names);
    while (hosts->lines != NULL) {
        torc__hosts_line *line = hosts->lines;

        hosts->lines = line->next;
        torc__free(line);
    }
}

/* In lower case, without a dot at the end. */
static torc_slice normal(torc_slice name, char lower[NAME_MAX_LENGTH])
{
    if (name.length > 1 && name.data[name.length - 1] == '.')
        name.length--;
    if (name.length > NAME_MAX_LENGTH)
        name.length = 0;
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.data[i];

        lower[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    return torc_slice_make(lower, name.length);
}

static void add(torc__hosts *hosts, torc_slice name, const torc_address *address)
{
    char lower[NAME_MAX_LENGTH];
    torc__hash_entry *found;
    torc__hosts_line *line;

    name = normal(name, lower);
    line = name.length > 0 ? torc__allocate_zeroed(sizeof *line + name.length) : NULL;
    if (line == NULL)
        return;
    line->kind = (uint8_t)address->kind;
    line->scope_id = address->scope_id;
    memcpy(line->ip, address->ip, sizeof line->ip);
    line->length = (uint8_t)name.length;
    line->last = line;
    memcpy(line->name, name.data, name.length);
    line->next = hosts->lines;
    hosts->lines = line;
    found = torc__hash_table_find(&hosts->names, name);
    if (found == NULL) {
        /* Without memory for the table the name is not known, as if it did not stand there. */
        (void)torc__hash_table_insert(&hosts->names, &line->hashed);
    } else {
        torc__hosts_line *first = TORC_CONTAINER_OF(found, torc__hosts_line, hashed);

        first->last->same = line;
        first->last = line;
    }
}

static void parse_line(torc__hosts *hosts, torc_slice line)
{
    torc_address address;
    torc_slice word;

    line = torc_slice_first(line, torc_slice_find_byte(line, '#'));
    if (line.length > 0 && line.data[line.length - 1] == '\r')
        line.length--;
    line = torc_slice_trim(line);
    word = torc_next_word(&line);
    if (!torc_address_parse(word, 0, &address))
        return;
    while ((word = torc_next_word(&line)).length > 0)
        add(hosts, word, &address);
}

void torc__hosts_parse(torc__hosts *hosts, torc_slice text)
{
    torc__hosts_clear(hosts);
    while (text.length > 0) {
        size_t end = torc_slice_find_byte(text, '\n');

        parse_line(hosts, torc_slice_first(text, end));
        text = torc_slice_skip(text, end + 1);
    }
}

size_t torc__hosts_find(
    const torc__hosts *hosts, torc_slice name, torc_address *ret_addresses, size_t maximum)
{
    char lower[NAME_MAX_LENGTH];
    torc__hash_entry *found = torc__hash_table_find(&hosts->names, normal(name, lower));
    const torc__hosts_line *line =
        found != NULL ? TORC_CONTAINER_OF(found, torc__hosts_line, hashed) : NULL;
    size_t count = 0;

    for (; line != NULL && count < maximum; line = line->same) {
        torc_address *address = &ret_addresses[count++];

        memset(address, 0, sizeof *address);
        address->kind = (torc_address_kind)line->kind;
        address->scope_id = line->scope_id;
        memcpy(address->ip, line->ip, sizeof line->ip);
    }
    return count;
}
