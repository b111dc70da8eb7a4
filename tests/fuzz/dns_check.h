/*
 * What the fuzz targets of the DNS codecs share: records that must stay themselves.
 */
#ifndef TORC_TESTS_FUZZ_DNS_CHECK_H
#define TORC_TESTS_FUZZ_DNS_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "names/dns_text.h"

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

static inline void require_same(const torc__dns_record *a, const torc__dns_record *b)
{
    REQUIRE(torc_slice_equal(a->name, b->name));
    REQUIRE(a->type == b->type);
    REQUIRE(a->record_class == b->record_class);
    REQUIRE(a->ttl == b->ttl);
    REQUIRE(torc_slice_equal(a->data, b->data));
}

/* Written as a line and read again it is the same. */
static inline void require_text_keeps(const torc__dns_record *record)
{
    static uint8_t bytes[TORC__DNS_DATA_MAX + TORC__DNS_NAME_MAX + 1];
    torc__dns_bytes storage = { .bytes = bytes, .size = sizeof bytes };
    torc__dns_lexer lexer = { .depth = 0 };
    torc__dns_record again;
    torc__text_writer writer;
    size_t length;
    char *text;

    torc__text_writer_init(&writer, NULL, 0);
    torc__dns_record_text(record, &writer);
    length = torc__text_finish(&writer);
    text = malloc(length + 1);
    REQUIRE(text != NULL);
    torc__text_writer_init(&writer, text, length + 1);
    torc__dns_record_text(record, &writer);
    REQUIRE(torc__text_finish(&writer) == length);
    lexer.rest = torc_slice_make(text, length);
    REQUIRE(torc__dns_record_parse(&lexer, torc_slice_make(NULL, 0), 0, &storage, &again));
    require_same(record, &again);
    free(text);
}

#endif /* TORC_TESTS_FUZZ_DNS_CHECK_H */
