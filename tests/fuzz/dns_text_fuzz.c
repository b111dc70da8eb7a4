/*
 * Any bytes as lines of a zone file: a record that can be read is written and read again as the
 * same.
 */
#include "dns_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[TORC__DNS_DATA_MAX + TORC__DNS_NAME_MAX + 1];
    torc__dns_lexer lexer = { .rest = torc_slice_make(data, size) };
    torc_slice origin = torc_slice_make("\7example", 9);
    torc__dns_record record;

    do {
        torc__dns_bytes storage = { .bytes = bytes, .size = sizeof bytes };

        if (!torc__dns_record_parse(&lexer, origin, 60, &storage, &record))
            continue;
        require_text_keeps(&record);
    } while (torc__dns_next_line(&lexer));
    return 0;
}
