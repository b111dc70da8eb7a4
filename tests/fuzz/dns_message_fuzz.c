/*
 * Any bytes as a message of the DNS: what can be read is written and read again as the same, with
 * each of its records also as a line of text. The same goes for what is written: it can be read.
 */
#include "dns_check.h"

#include "base/memory.h"
#include "names/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_same_head(const torc__dns_message *a, const torc__dns_message *b)
{
    REQUIRE(a->header.id == b->header.id);
    REQUIRE(a->header.opcode == b->header.opcode);
    REQUIRE(a->header.is_response == b->header.is_response);
    REQUIRE(a->header.truncated == b->header.truncated);
    REQUIRE(a->header.authoritative == b->header.authoritative);
    REQUIRE(a->header.code == b->header.code);
    REQUIRE(a->edns.present == b->edns.present);
    REQUIRE(a->edns.size == b->edns.size);
    REQUIRE(a->edns.dnssec_ok == b->edns.dnssec_ok);
    REQUIRE(torc_slice_equal(a->edns.options, b->edns.options));
}

/* False: names that were compressed against the rules are longer now, and not all had room. */
static bool write_all(const torc__dns_message *message, torc__dns_writer *writer)
{
    bool has_room = true;

    for (size_t i = 0; i < message->question_count; i++)
        has_room &= torc__dns_writer_question(writer, &message->questions[i]);
    for (size_t section = TORC__DNS_ANSWER; section < TORC__DNS_SECTIONS; section++)
        for (size_t i = 0; i < message->counts[section]; i++)
            has_room &= torc__dns_writer_record(
                writer, (torc__dns_section)section, &message->records[section][i]);
    return has_room;
}

static void require_same_records(const torc__dns_message *a, const torc__dns_message *b)
{
    REQUIRE(a->question_count == b->question_count);
    for (size_t i = 0; i < a->question_count; i++)
        REQUIRE(torc_slice_equal(a->questions[i].name, b->questions[i].name));
    for (size_t section = TORC__DNS_ANSWER; section < TORC__DNS_SECTIONS; section++) {
        REQUIRE(a->counts[section] == b->counts[section]);
        for (size_t i = 0; i < a->counts[section]; i++)
            require_same(&a->records[section][i], &b->records[section][i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[TORC__DNS_MESSAGE_MAX];
    torc__dns_message *message;
    torc__dns_message *again;
    torc__dns_writer writer;
    bool is_whole;

    if (torc__dns_message_read(torc_slice_make(data, size), &message) != TORC__DNS_OK)
        return 0;
    for (size_t section = TORC__DNS_ANSWER; section < TORC__DNS_SECTIONS; section++)
        for (size_t i = 0; i < message->counts[section]; i++)
            require_text_keeps(&message->records[section][i]);
    torc__dns_writer_begin(
        &writer, bytes, sizeof bytes, &message->header, &message->edns);
    is_whole = write_all(message, &writer);
    REQUIRE(torc__dns_message_read(torc__dns_writer_end(&writer), &again) == TORC__DNS_OK);
    if (is_whole) {
        require_same_head(message, again);
        require_same_records(message, again);
    }
    torc__free(again);
    torc__free(message);
    return 0;
}
