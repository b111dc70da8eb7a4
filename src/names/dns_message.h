/*
 * dns_message: messages of the DNS (RFC 1035 4), to values and back, without any I/O.
 *
 * Reading goes record by record, so that who wants one answer makes no copy of the rest, or at once
 * into a torc__dns_message. EDNS (RFC 6891) is no record here but a part of the head. Whatever is
 * wrong with a message, it is refused as a whole: bytes behind the last record too.
 *
 * Writing goes record by record into a block of the largest size that the message may have. Names
 * are compressed where RFC 3597 allows it. What does not fit is left out and said.
 */
#ifndef TORC_NAMES_DNS_MESSAGE_H
#define TORC_NAMES_DNS_MESSAGE_H

#include "names/dns_record.h"

typedef enum torc__dns_opcode {
    TORC__DNS_QUERY = 0,
    TORC__DNS_STATUS = 2,
    TORC__DNS_NOTIFY = 4,
    TORC__DNS_UPDATE = 5,
} torc__dns_opcode;

typedef enum torc__dns_code {
    TORC__DNS_NO_ERROR = 0,
    TORC__DNS_FORMAT_ERROR = 1,
    TORC__DNS_SERVER_FAILURE = 2,
    TORC__DNS_NO_NAME = 3,
    TORC__DNS_NOT_IMPLEMENTED = 4,
    TORC__DNS_REFUSED = 5,
    TORC__DNS_BAD_VERSION = 16,
    TORC__DNS_BAD_COOKIE = 23,
} torc__dns_code;

typedef enum torc__dns_section {
    TORC__DNS_QUESTION,
    TORC__DNS_ANSWER,
    TORC__DNS_AUTHORITY,
    TORC__DNS_ADDITIONAL,
    TORC__DNS_SECTIONS,
} torc__dns_section;

enum {
    TORC__DNS_MESSAGE_MAX = 65535,
    TORC__DNS_PLAIN_SIZE = 512, /* of a datagram without EDNS */

    /* What the names in a message may come to when they are all written out. */
    TORC__DNS_EXPANDED_MAX = 1024 * 1024,
};

typedef struct torc__dns_edns {
    bool present;
    bool dnssec_ok;
    uint8_t version;
    uint16_t size;      /* the largest datagram that the sender takes */
    torc_slice options; /* codes and lengths of two bytes each, then values; checked */
} torc__dns_edns;

typedef struct torc__dns_header {
    uint16_t id;
    uint8_t opcode;
    bool is_response;
    bool authoritative;
    bool truncated;
    bool recursion_desired;
    bool recursion_available;
    bool authentic;
    bool checking_disabled;
    uint16_t code; /* with the bits that EDNS adds, once the OPT record has been read */
    uint16_t counts[TORC__DNS_SECTIONS];
} torc__dns_header;

typedef struct torc__dns_question {
    torc_slice name;
    uint16_t type;
    uint16_t question_class;
} torc__dns_question;

/* -- reading record by record -------------------------------------------------------------- */

typedef struct torc__dns_reader {
    torc_slice message;
    size_t offset;
    torc__dns_header header;
    torc__dns_edns edns;
    torc__dns_section section; /* of the record that was read last */
    uint32_t left;             /* in that section */
    bool malformed;
    torc__dns_bytes scratch;   /* for data with names; the caller's memory */
    torc__dns_name name;       /* of the record that was read last */
} torc__dns_reader;

/*
 * The header. `scratch`, of `size` bytes, is where data is put together; TORC__DNS_DATA_MAX + 1 is
 * enough for all. False for what is too short to have one.
 */
bool torc__dns_reader_begin(
    torc__dns_reader *reader, torc_slice message, uint8_t *scratch, size_t size);

/* The next question; false when there is none left, or reader->malformed. */
bool torc__dns_reader_question(torc__dns_reader *reader, torc__dns_question *ret_question);

/*
 * The next record, which is valid until the next call; its section is reader->section. To be asked
 * when there are no questions left. False at the end, which reader->malformed tells from a message
 * that is bad; reader->edns and header.code are then complete.
 */
bool torc__dns_reader_record(torc__dns_reader *reader, torc__dns_record *ret_record);

/* -- reading at once ----------------------------------------------------------------------- */

typedef struct torc__dns_message {
    torc__dns_header header;
    torc__dns_edns edns;
    size_t question_count;
    torc__dns_question *questions;
    size_t counts[TORC__DNS_SECTIONS];        /* of records */
    torc__dns_record *records[TORC__DNS_SECTIONS];
} torc__dns_message;

typedef enum torc__dns_outcome {
    TORC__DNS_OK,
    TORC__DNS_MALFORMED,
    TORC__DNS_NO_MEMORY,
} torc__dns_outcome;

/* One block of memory, which torc__free frees; of its own bytes, apart from edns.options. */
torc__dns_outcome torc__dns_message_read(torc_slice bytes, torc__dns_message **ret_message);

/* -- writing ------------------------------------------------------------------------------- */

/* So many places of names are remembered, to point to. */
enum { TORC__DNS_PLACES_MAX = 128 };

typedef struct torc__dns_writer {
    torc__dns_bytes out;
    size_t reserved; /* for the OPT record at the end */
    torc__dns_edns edns;
    torc__dns_header header;
    size_t place_count;
    uint16_t places[TORC__DNS_PLACES_MAX];
} torc__dns_writer;

/*
 * Begins a message of at most `size` bytes (not under 512) at `bytes`, with the flags of `header`;
 * its counts are not looked at. `edns` may be NULL.
 */
void torc__dns_writer_begin(torc__dns_writer *writer, uint8_t *bytes, size_t size,
    const torc__dns_header *header, const torc__dns_edns *edns);

/* False, and nothing is written, where there is no room, or the data is not its type's. */
bool torc__dns_writer_question(torc__dns_writer *writer, const torc__dns_question *question);
bool torc__dns_writer_record(
    torc__dns_writer *writer, torc__dns_section section, const torc__dns_record *record);

/* Says that what did not fit is missing. */
void torc__dns_writer_truncate(torc__dns_writer *writer);

/* The whole message. */
torc_slice torc__dns_writer_end(torc__dns_writer *writer);

#endif /* TORC_NAMES_DNS_MESSAGE_H */
