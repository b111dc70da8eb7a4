/*
 * Messages read.
 */
#include "names/dns_message.h"

#include "base/memory.h"
#include "names/dns_type.h"

enum { QUESTION_TAIL = 4, RECORD_TAIL = 10, OPTION_HEAD = 4 };

static void read_flags(torc__dns_header *header, uint16_t flags)
{
    header->is_response = (flags & 0x8000) != 0;
    header->opcode = (uint8_t)(flags >> 11 & 15);
    header->authoritative = (flags & 0x0400) != 0;
    header->truncated = (flags & 0x0200) != 0;
    header->recursion_desired = (flags & 0x0100) != 0;
    header->recursion_available = (flags & 0x0080) != 0;
    header->authentic = (flags & 0x0020) != 0;
    header->checking_disabled = (flags & 0x0010) != 0;
    header->code = flags & 15;
}

bool torc__dns_reader_begin(
    torc__dns_reader *reader, torc_slice message, uint8_t *scratch, size_t size)
{
    if (message.length < TORC__DNS_HEADER_SIZE || message.length > TORC__DNS_MESSAGE_MAX)
        return false;
    reader->message = message;
    reader->offset = TORC__DNS_HEADER_SIZE;
    memset(&reader->edns, 0, sizeof reader->edns);
    memset(&reader->scratch, 0, sizeof reader->scratch);
    reader->scratch.bytes = scratch;
    reader->scratch.size = size;
    reader->malformed = false;
    reader->header.id = torc__dns_get16(message.data);
    read_flags(&reader->header, torc__dns_get16(message.data + 2));
    for (size_t i = 0; i < TORC__DNS_SECTIONS; i++)
        reader->header.counts[i] = torc__dns_get16(message.data + 4 + 2 * i);
    reader->section = TORC__DNS_QUESTION;
    reader->left = reader->header.counts[TORC__DNS_QUESTION];
    return true;
}

static bool is_bad(torc__dns_reader *reader)
{
    reader->malformed = true;
    return false;
}

/* A name, and `size` bytes behind it. */
static bool read_head(torc__dns_reader *reader, size_t size)
{
    return torc__dns_name_read(reader->message, &reader->offset, &reader->name)
        && reader->message.length - reader->offset >= size;
}

bool torc__dns_reader_question(torc__dns_reader *reader, torc__dns_question *ret_question)
{
    const char *tail;

    if (reader->malformed || reader->section != TORC__DNS_QUESTION || reader->left == 0)
        return false;
    if (!read_head(reader, QUESTION_TAIL))
        return is_bad(reader);
    tail = reader->message.data + reader->offset;
    ret_question->name = torc__dns_name_slice(&reader->name);
    ret_question->type = torc__dns_get16(tail);
    ret_question->question_class = torc__dns_get16(tail + 2);
    reader->offset += QUESTION_TAIL;
    reader->left--;
    return true;
}

static bool are_options(torc_slice options)
{
    while (options.length >= OPTION_HEAD) {
        size_t length = torc__dns_get16(options.data + 2);

        if (length > options.length - OPTION_HEAD)
            return false;
        options = torc_slice_skip(options, OPTION_HEAD + length);
    }
    return options.length == 0;
}

/* The record that is none: its class is a size, its TTL flags (RFC 6891 6.1.2). */
static bool read_opt(torc__dns_reader *reader, const torc__dns_record *record)
{
    torc__dns_edns *edns = &reader->edns;

    if (edns->present || reader->section != TORC__DNS_ADDITIONAL || record->name.length != 1
        || !are_options(record->data))
        return is_bad(reader);
    edns->present = true;
    edns->size = record->record_class;
    edns->version = (uint8_t)(record->ttl >> 16);
    edns->dnssec_ok = (record->ttl & 0x8000) != 0;
    edns->options = record->data;
    reader->header.code = (uint16_t)(reader->header.code | (record->ttl >> 24) << 4);
    return true;
}

static bool read_record(torc__dns_reader *reader, torc__dns_record *ret_record)
{
    const char *tail;
    size_t length;

    if (!read_head(reader, RECORD_TAIL))
        return is_bad(reader);
    tail = reader->message.data + reader->offset;
    ret_record->name = torc__dns_name_slice(&reader->name);
    ret_record->type = torc__dns_get16(tail);
    ret_record->record_class = torc__dns_get16(tail + 2);
    ret_record->ttl = torc__dns_get32(tail + 4);
    /* RFC 2181 8: with its highest bit set it counts as 0. In an OPT record it is no TTL. */
    if (ret_record->ttl > INT32_MAX && ret_record->type != TORC__DNS_OPT)
        ret_record->ttl = 0;
    length = torc__dns_get16(tail + 8);
    reader->offset += RECORD_TAIL;
    if (length > reader->message.length - reader->offset
        || !torc__dns_data_read(reader->message, reader->offset, length, ret_record->type,
            &reader->scratch, &ret_record->data))
        return is_bad(reader);
    reader->offset += length;
    reader->left--;
    return true;
}

bool torc__dns_reader_record(torc__dns_reader *reader, torc__dns_record *ret_record)
{
    while (!reader->malformed) {
        while (reader->left == 0 && reader->section + 1 < TORC__DNS_SECTIONS)
            reader->left = reader->header.counts[++reader->section];
        if (reader->left == 0) {
            reader->malformed = reader->offset != reader->message.length;
            return false;
        }
        if (!read_record(reader, ret_record))
            return false;
        if (ret_record->type != TORC__DNS_OPT)
            return true;
        if (!read_opt(reader, ret_record))
            return false;
    }
    return false;
}

/* -- at once ------------------------------------------------------------------------------- */

/* What a message needs in memory; or, with `message`, where the next of it goes. */
typedef struct filling {
    torc__dns_message *message;
    uint8_t *bytes;
    size_t size;
} filling;

static torc_slice keep(filling *to, torc_slice bytes)
{
    torc_slice kept = torc_slice_make(to->bytes, bytes.length);

    to->size += bytes.length;
    if (to->message == NULL)
        return bytes;
    if (bytes.length > 0)
        memcpy(to->bytes, bytes.data, bytes.length);
    to->bytes += bytes.length;
    return kept;
}

static void keep_question(filling *to, torc__dns_question *question)
{
    question->name = keep(to, question->name);
    if (to->message != NULL)
        to->message->questions[to->message->question_count++] = *question;
}

static void keep_record(filling *to, torc__dns_section section, torc__dns_record *record)
{
    record->name = keep(to, record->name);
    record->data = keep(to, record->data);
    if (to->message != NULL)
        to->message->records[section][to->message->counts[section]++] = *record;
}

/* False: the message is malformed, or would be too large. */
static bool walk(torc__dns_reader *reader, filling *to)
{
    torc__dns_question question;
    torc__dns_record record;

    while (torc__dns_reader_question(reader, &question))
        keep_question(to, &question);
    while (to->size <= TORC__DNS_EXPANDED_MAX && torc__dns_reader_record(reader, &record))
        keep_record(to, reader->section, &record);
    return !reader->malformed && to->size <= TORC__DNS_EXPANDED_MAX;
}

static torc__dns_message *make(const torc__dns_reader *reader, size_t bytes, filling *to)
{
    const uint16_t *counts = reader->header.counts;
    size_t records = (size_t)counts[1] + counts[2] + counts[3];
    size_t questions = counts[TORC__DNS_QUESTION];
    torc__dns_message *message = torc__allocate_zeroed(sizeof *message
        + records * sizeof(torc__dns_record) + questions * sizeof(torc__dns_question) + bytes);
    torc__dns_record *next;

    if (message == NULL)
        return NULL;
    next = (torc__dns_record *)(void *)(message + 1);
    for (size_t section = TORC__DNS_ANSWER; section < TORC__DNS_SECTIONS; section++) {
        message->records[section] = next;
        next += counts[section];
    }
    message->questions = (torc__dns_question *)(void *)next;
    to->message = message;
    to->bytes = (uint8_t *)(message->questions + questions);
    to->size = 0;
    return message;
}

static torc__dns_outcome read_twice(torc_slice bytes, uint8_t *scratch, torc__dns_message **ret)
{
    torc__dns_reader reader;
    filling to = { .message = NULL };

    if (!torc__dns_reader_begin(&reader, bytes, scratch, TORC__DNS_DATA_MAX + 1)
        || !walk(&reader, &to))
        return TORC__DNS_MALFORMED;
    *ret = make(&reader, to.size, &to);
    if (*ret == NULL)
        return TORC__DNS_NO_MEMORY;
    (void)torc__dns_reader_begin(&reader, bytes, scratch, TORC__DNS_DATA_MAX + 1);
    (void)walk(&reader, &to);
    (*ret)->header = reader.header;
    (*ret)->edns = reader.edns;
    return TORC__DNS_OK;
}

torc__dns_outcome torc__dns_message_read(torc_slice bytes, torc__dns_message **ret_message)
{
    uint8_t *scratch = torc__allocate(TORC__DNS_DATA_MAX + 1);
    torc__dns_outcome outcome;

    if (scratch == NULL)
        return TORC__DNS_NO_MEMORY;
    outcome = read_twice(bytes, scratch, ret_message);
    torc__free(scratch);
    return outcome;
}
