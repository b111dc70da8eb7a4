/*
 * Any bytes as a URL, and as a reference from one: what is taken apart lies within it, and where a
 * reference leads is a URL again. The first byte says how long the URL is that the rest refers from.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "web/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

static void require_within(torc_slice part, torc_slice text)
{
    REQUIRE(part.length == 0
        || (part.data >= text.data && part.data + part.length <= text.data + text.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TORC__URL_MAX + 1];
    torc__url url;
    torc__url next;
    torc_slice input;
    torc_slice base;

    if (size < 1)
        return 0;
    input = torc_slice_make(data + 1, size - 1);
    base = torc_slice_first(input, data[0]);
    if (torc__url_parse(base, &url) != NULL)
        return 0;
    REQUIRE(url.host.length > 0 && url.port > 0);
    require_within(url.host, base);
    require_within(url.authority, base);
    require_within(url.target, base);
    if (torc__url_resolve(&url, torc_slice_skip(input, base.length), text))
        REQUIRE(torc__url_parse(torc_slice_of(text), &next) == NULL);
    return 0;
}
