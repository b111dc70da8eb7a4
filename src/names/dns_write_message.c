/*
 * Messages written.
 *
 * Where a name, or what it ends in, was written before, it points there. The places of names are
 * remembered up to a bound; beyond it messages become longer, and are as right.
 */
#include "names/dns_message.h"

#include "names/dns_type.h"

enum { POINTER = 0xc000, PLACE_MAX = 0x3fff, OPT_SIZE = 11 };

static uint16_t flags_of(const torc__dns_header *header)
{
    unsigned int flags = (unsigned int)(header->opcode & 15) << 11 | (header->code & 15U);

    flags |= header->is_response ? 0x8000U : 0;
    flags |= header->authoritative ? 0x0400U : 0;
    flags |= header->truncated ? 0x0200U : 0;
    flags |= header->recursion_desired ? 0x0100U : 0;
    flags |= header->recursion_available ? 0x0080U : 0;
    flags |= header->authentic ? 0x0020U : 0;
    flags |= header->checking_disabled ? 0x0010U : 0;
    return (uint16_t)flags;
}

void torc__dns_writer_begin(torc__dns_writer *writer, uint8_t *bytes, size_t size,
    const torc__dns_header *header, const torc__dns_edns *edns)
{
    memset(writer, 0, offsetof(torc__dns_writer, places));
    writer->out.bytes = bytes;
    writer->out.size = size < TORC__DNS_MESSAGE_MAX ? size : TORC__DNS_MESSAGE_MAX;
    writer->out.length = TORC__DNS_HEADER_SIZE;
    writer->header = *header;
    memset(writer->header.counts, 0, sizeof writer->header.counts);
    if (edns != NULL)
        writer->edns = *edns;
    if (writer->edns.present)
        writer->reserved = OPT_SIZE + writer->edns.options.length;
    writer->out.size -= writer->reserved;
}

/* -- names --------------------------------------------------------------------------------- */

/* Whether what was written at `place` is `name`; what is written is ours, so it is well-formed. */
static bool is_at(const torc__dns_bytes *out, size_t place, torc_slice name)
{
    torc__dns_name there;

    return torc__dns_name_read(torc_slice_make(out->bytes, out->length), &place, &there)
        && torc_slice_equal(torc__dns_name_slice(&there), name);
}

/* 0: nowhere. Case counts, so that each name keeps its own. */
static size_t find_place(const torc__dns_writer *writer, torc_slice name)
{
    for (size_t i = 0; i < writer->place_count; i++)
        if (is_at(&writer->out, writer->places[i], name))
            return writer->places[i];
    return 0;
}

static void put_name(torc__dns_writer *writer, torc_slice name, bool compress)
{
    while (name.data[0] != '\0') {
        size_t label = 1 + (size_t)(uint8_t)name.data[0];
        size_t place = compress ? find_place(writer, name) : 0;
        size_t here = writer->out.length;

        if (place != 0) {
            torc__dns_put_number(&writer->out, POINTER | place, 2);
            return;
        }
        torc__dns_put(&writer->out, torc_slice_first(name, label));
        /* It is looked at only behind the whole of it, so the rest may still come. */
        if (here <= PLACE_MAX && writer->place_count < TORC__DNS_PLACES_MAX && compress)
            writer->places[writer->place_count++] = (uint16_t)here;
        name = torc_slice_skip(name, label);
    }
    torc__dns_put_number(&writer->out, 0, 1);
}

/* -- records ------------------------------------------------------------------------------- */

/* Takes back what was written since, where it did not fit. */
static bool finish(
    torc__dns_writer *writer, size_t length, size_t places, torc__dns_section section)
{
    if (!writer->out.overflow && writer->header.counts[section] < UINT16_MAX) {
        writer->header.counts[section]++;
        return true;
    }
    writer->out.length = length;
    writer->out.overflow = false;
    writer->place_count = places;
    return false;
}

bool torc__dns_writer_question(torc__dns_writer *writer, const torc__dns_question *question)
{
    size_t length = writer->out.length;
    size_t places = writer->place_count;

    put_name(writer, question->name, true);
    torc__dns_put_number(&writer->out, question->type, 2);
    torc__dns_put_number(&writer->out, question->question_class, 2);
    return finish(writer, length, places, TORC__DNS_QUESTION);
}

static void put_data(torc__dns_writer *writer, const torc__dns_record *record)
{
    torc__dns_fields walk;
    torc__dns_field field;

    if (torc__dns_type_fields(record->type)[0] == '\0') {
        torc__dns_put(&writer->out, record->data);
        return;
    }
    torc__dns_fields_begin(&walk, record->type, record->data);
    while (torc__dns_fields_next(&walk, &field)) {
        if (field.kind == 'n')
            put_name(writer, field.bytes, true);
        else
            torc__dns_put(&writer->out, field.bytes);
    }
}

bool torc__dns_writer_record(
    torc__dns_writer *writer, torc__dns_section section, const torc__dns_record *record)
{
    torc__dns_bytes *out = &writer->out;
    size_t length = out->length;
    size_t places = writer->place_count;
    size_t start;

    if (!torc__dns_data_is_valid(record->type, record->data))
        return false;
    put_name(writer, record->name, true);
    torc__dns_put_number(out, record->type, 2);
    torc__dns_put_number(out, record->record_class, 2);
    torc__dns_put_number(out, record->ttl, 4);
    torc__dns_put_number(out, 0, 2);
    start = out->length;
    put_data(writer, record);
    if (!out->overflow)
        torc__dns_set16(out->bytes + start - 2, (uint16_t)(out->length - start));
    return finish(writer, length, places, section);
}

void torc__dns_writer_truncate(torc__dns_writer *writer)
{
    writer->header.truncated = true;
}

static void put_opt(torc__dns_writer *writer)
{
    const torc__dns_edns *edns = &writer->edns;
    uint32_t flags = (uint32_t)(writer->header.code >> 4) << 24 | (uint32_t)edns->version << 16
        | (edns->dnssec_ok ? 0x8000U : 0);

    writer->out.size += writer->reserved;
    torc__dns_put_number(&writer->out, 0, 1);
    torc__dns_put_number(&writer->out, TORC__DNS_OPT, 2);
    torc__dns_put_number(&writer->out, edns->size, 2);
    torc__dns_put_number(&writer->out, flags, 4);
    torc__dns_put_number(&writer->out, edns->options.length, 2);
    torc__dns_put(&writer->out, edns->options);
    writer->header.counts[TORC__DNS_ADDITIONAL]++;
}

torc_slice torc__dns_writer_end(torc__dns_writer *writer)
{
    uint8_t *bytes = writer->out.bytes;

    if (writer->edns.present)
        put_opt(writer);
    torc__dns_set16(bytes, writer->header.id);
    torc__dns_set16(bytes + 2, flags_of(&writer->header));
    for (size_t i = 0; i < TORC__DNS_SECTIONS; i++)
        torc__dns_set16(bytes + 4 + 2 * i, writer->header.counts[i]);
    return torc_slice_make(bytes, writer->out.length);
}
