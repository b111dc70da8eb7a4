/*
 * address_fuzz: whatever torc_address_parse takes, it takes again from its own text, as the same
 * address; and any bytes that claim to be a socket address give one that can be written.
 */
#include <torc/address.h>

#include "base/socket_address.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(torc_slice input)
{
    char text[TORC_ADDRESS_TEXT_MAX];
    torc_address address;
    torc_address again;

    if (!torc_address_parse(input, 4711, &address))
        return;
    torc_address_host(&address, text);
    require(torc_address_parse(torc_slice_of(text), 4711, &again));
    require(memcmp(&address, &again, sizeof address) == 0);
}

static void check_socket_address(const uint8_t *data, size_t size)
{
    struct sockaddr_storage storage;
    char text[TORC_ADDRESS_TEXT_MAX];
    torc_address address;
    torc_address again;
    socklen_t length;

    torc__address_from_sockaddr(&address, (const struct sockaddr *)(const void *)data,
        (socklen_t)size);
    require(strlen(torc_address_text(&address, text)) > 0);
    if (torc__address_to_sockaddr(&address, &storage, &length) != 0)
        return;
    torc__address_from_sockaddr(&again, (const struct sockaddr *)&storage, length);
    require(memcmp(&address, &again, sizeof address) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text(torc_slice_make(data, size));
    if (size <= sizeof(struct sockaddr_storage))
        check_socket_address(data, size);
    return 0;
}
