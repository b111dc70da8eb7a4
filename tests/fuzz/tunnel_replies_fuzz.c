/*
 * What proxies answer: any bytes, as a SOCKS proxy's and as an HTTP proxy's. The first byte says
 * which, and whether we gave credentials. Each message is read whole or not at all, so a cut one is
 * one that wants more; and a conversation ends.
 */
#include "endpoint/http_connect.h"
#include "endpoint/socks.h"

#include <stdlib.h>

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void talk_socks(const torc__tunnel *tunnel, torc_slice bytes)
{
    torc__socks_stage stage = TORC__SOCKS_METHOD;
    char message[TORC__SOCKS_MESSAGE_MAX];
    int taken = 1;

    require(torc__socks_greeting(tunnel, message) <= sizeof(message));
    for (int rounds = 0; taken > 0; rounds++) {
        const torc_failure_type *type = NULL;
        const char *problem = NULL;
        torc__socks_stage before = stage;
        size_t length;

        require(rounds < 5);
        taken = torc__socks_read(&stage, tunnel, bytes, message, &length, &problem, &type);
        require(taken <= (int)bytes.length && length <= sizeof(message));
        require((taken < 0) == (problem != NULL && type != NULL));
        require((taken > 0) == (stage > before));
        require(taken != 0 || stage == TORC__SOCKS_DONE || bytes.length < TORC__SOCKS_REPLY_MAX);
        if (taken > 0)
            bytes = torc_slice_skip(bytes, (size_t)taken);
    }
}

static void read_http(torc_slice bytes)
{
    torc_slice reason = torc_slice_make(NULL, 0);
    int status = 0;
    int taken = torc__http_connect_read(bytes, &status, &reason);

    require(taken <= (int)bytes.length && taken <= TORC__HTTP_CONNECT_HEAD_MAX);
    if (taken <= 0)
        return;
    require(status >= 100 && status <= 999);
    require(reason.length == 0 ||
        (reason.data >= bytes.data && reason.data + reason.length <= bytes.data + taken));
    for (int cut = 0; cut < taken; cut++)
        require(torc__http_connect_read(
            torc_slice_first(bytes, (size_t)cut), &status, &reason) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    torc__tunnel tunnel = { .host = "example.test", .port = 80, .user = "u", .password = "p" };
    torc_slice bytes = torc_slice_make(data, size);

    if (size == 0)
        return 0;
    bytes = torc_slice_skip(bytes, 1);
    tunnel.has_user = (data[0] & 2) != 0;
    if (data[0] & 1)
        read_http(bytes);
    else
        talk_socks(&tunnel, bytes);
    return 0;
}
