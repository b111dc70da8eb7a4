/*
 * Any bytes as what a server answers. Its head ends at the same byte however the bytes come, and
 * what is read out of it lies within it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "web/http_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/* As a client does that gets the bytes one by one. */
static size_t length_byte_by_byte(torc_slice input)
{
    for (size_t come = 1; come <= input.length; come++) {
        size_t length = torc__http_answer_length(torc_slice_first(input, come), come - 1);

        if (length > 0)
            return length;
    }
    return 0;
}

static void require_within(torc_slice part, torc_slice head)
{
    REQUIRE(part.length == 0
        || (part.data >= head.data && part.data + part.length <= head.data + head.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static torc__http_answer answer;
    torc_slice input = torc_slice_make(data, size);
    size_t length = torc__http_answer_length(input, 0);
    torc_slice head = torc_slice_first(input, length);

    REQUIRE(length == length_byte_by_byte(input));
    if (length == 0 || torc__http_answer_parse(head, &answer) != NULL)
        return 0;
    REQUIRE(answer.status >= 100 && answer.status <= 599);
    REQUIRE(!answer.chunked || !answer.has_content_length);
    REQUIRE(answer.field_count <= TORC__HTTP_ANSWER_MAX_FIELDS);
    for (size_t i = 0; i < answer.field_count; i++) {
        require_within(answer.fields[i].name, head);
        require_within(answer.fields[i].value, head);
    }
    return 0;
}
