/*
 * Endpoint descriptions: any bytes give an endpoint or one failure of the one type, both bounded.
 * Checked beyond not crashing: words are within the storage and end with a NUL; an endpoint says
 * where in exactly one way.
 */
#include "endpoint/description.h"
#include "endpoint/endpoint.h"

#include <stdlib.h>
#include <string.h>

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void check_word(const torc__description *description, torc_slice word)
{
    const char *end = description->storage + sizeof(description->storage);

    require(word.data >= description->storage && word.data + word.length < end);
    require(word.data[word.length] == '\0');
}

static void check_description(torc_slice text)
{
    torc__description description;

    if (torc__description_parse(text, &description) != NULL)
        return;
    require(description.count <= TORC__DESCRIPTION_PARTS_MAX);
    check_word(&description, description.kind);
    for (size_t i = 0; i < description.count; i++) {
        check_word(&description, description.parts[i].value);
        if (description.parts[i].name.length != 0)
            check_word(&description, description.parts[i].name);
    }
}

/* Takes the endpoint's layers along. */
static void check_endpoint(torc_failure *failure, const torc__endpoint *endpoint)
{
    int ways = (endpoint->address.kind != TORC_ADDRESS_NONE) + (endpoint->host[0] != '\0') +
        (endpoint->descriptor >= 0) + (endpoint->carrier != NULL);

    if (failure == NULL) {
        require(ways == 1);
        require(endpoint->timeout > 0 && endpoint->options.backlog > 0);
        torc__layer_release(endpoint->layers);
        return;
    }
    require(endpoint->layers == NULL);
    require(torc_failure_is(failure, &torc_error_invalid_argument));
    require(strlen(torc_failure_text(failure)) < 1024);
    torc_failure_release(failure);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = torc_slice_dup(torc_slice_make(data, size));
    torc__endpoint endpoint;

    if (text == NULL)
        return 0;
    check_description(torc_slice_make(data, size));
    check_endpoint(torc__endpoint_to_listen(text, &endpoint), &endpoint);
    check_endpoint(torc__endpoint_to_connect(text, &endpoint), &endpoint);
    free(text);
    return 0;
}
