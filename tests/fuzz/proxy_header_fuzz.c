/*
 * The PROXY protocol's header: any bytes give a length within them, a wish for more, or a rule that
 * was broken. Checked beyond not crashing: the same wherever the bytes are cut, bounded, and what
 * was understood can be written and read back.
 */
#include "endpoint/proxy_header.h"

#include <stdlib.h>

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_again(const torc__proxy_header *header)
{
    for (unsigned version = 1; version <= 2; version++) {
        char bytes[TORC__PROXY_HEADER_WRITTEN_MAX];
        torc__proxy_header again;
        const char *problem;
        size_t length =
            torc__proxy_header_write(version, &header->source, &header->destination, bytes);

        require(length <= sizeof(bytes));
        require(torc__proxy_header_read(torc_slice_make(bytes, length), &again, &problem) ==
            (int)length);
        if (again.known)
            require(memcmp(again.source.ip, header->source.ip, 16) == 0 &&
                again.destination.port == header->destination.port);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    torc_slice bytes = torc_slice_make(data, size);
    torc__proxy_header header;
    const char *problem;
    int length = torc__proxy_header_read(bytes, &header, &problem);

    require((length < 0) == (problem != NULL));
    require(length <= (int)size && length <= TORC__PROXY_HEADER_MAX);
    require(length != 0 || size < TORC__PROXY_HEADER_MAX);
    for (size_t cut = 0; length > 0 && cut < (size_t)length; cut++)
        require(torc__proxy_header_read(torc_slice_first(bytes, cut), &header, &problem) == 0);
    length = torc__proxy_header_read(bytes, &header, &problem);
    if (length > 0 && header.known)
        check_again(&header);
    return 0;
}
