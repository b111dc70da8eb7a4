/*
 * dns_text: records as lines of a zone file (RFC 1035 5), and back.
 *
 * Data of types without fields, and empty data, is written as RFC 3597 says ("\# 2 abcd"), which is
 * read for every type. What is read and can be written reads again as the same.
 */
#ifndef TORC_NAMES_DNS_TEXT_H
#define TORC_NAMES_DNS_TEXT_H

#include "base/text_writer.h"
#include "names/dns_record.h"

/* -- writing ------------------------------------------------------------------------------- */

/* "www.example.org. 300 IN A 192.0.2.7" */
void torc__dns_record_text(const torc__dns_record *record, torc__text_writer *writer);

/* The data alone. */
void torc__dns_data_text(uint16_t type, torc_slice data, torc__text_writer *writer);

/* In quotes, and what must be hidden hidden. */
void torc__dns_string_text(torc_slice bytes, torc__text_writer *writer);
void torc__dns_string_bytes_text(torc_slice bytes, torc__text_writer *writer); /* no quotes */

/* -- reading ------------------------------------------------------------------------------- */

/* A word of a line, or what stands in quotes; escapes are still in it. */
typedef struct torc__dns_token {
    torc_slice text;
    bool quoted;
} torc__dns_token;

/* Where a text is read. What stands in parentheses goes on over the ends of lines. */
typedef struct torc__dns_lexer {
    torc_slice rest;
    unsigned int depth; /* of parentheses */
    bool malformed;     /* quotes or parentheses that do not match */
    bool spaced;        /* the token had spaces before it */
} torc__dns_lexer;

/* False at the end of the line, which it leaves to torc__dns_next_line, or when malformed. */
bool torc__dns_next_token(torc__dns_lexer *lexer, torc__dns_token *ret_token);

/* Steps over the end of the line. False at the end of the text. */
bool torc__dns_next_line(torc__dns_lexer *lexer);

/* Takes the escapes out; at most `size` bytes. False: there are more, or a bad escape. */
bool torc__dns_unescape(torc_slice text, uint8_t *bytes, size_t size, size_t *ret_length);

/*
 * The record that the lexer's line holds: name, perhaps TTL and class in either order, type, data.
 * Names that do not end in a dot are within `origin` (a name, or empty for the root). Where there
 * is no TTL it is `ttl`. Name and data are appended to `storage`, and point into it. False: that
 * is no record.
 */
bool torc__dns_record_parse(torc__dns_lexer *lexer, torc_slice origin, uint32_t ttl,
    torc__dns_bytes *storage, torc__dns_record *ret_record);

/* The data of `type` that the rest of the lexer's line holds. */
bool torc__dns_data_parse(torc__dns_lexer *lexer, torc_slice origin, uint16_t type,
    torc__dns_bytes *storage, torc_slice *ret_data);

#endif /* TORC_NAMES_DNS_TEXT_H */
