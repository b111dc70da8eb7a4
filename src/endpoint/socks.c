/*
 * Each message of the proxy has its own reader; the one for the stage is looked up in a switch.
 */
#include "endpoint/socks.h"

enum { VERSION = 5, NO_AUTHENTICATION = 0, USER_AND_PASSWORD = 2, NONE_ACCEPTABLE = 0xff };
enum { CONNECT = 1, IPV4 = 1, NAME = 3, IPV6 = 4 };

typedef struct reader {
    const torc__tunnel *tunnel;
    torc_slice bytes;
    char *message;
    size_t *length;
    const char **problem;
    const torc_failure_type **type;
} reader;

static unsigned byte_at(torc_slice bytes, size_t index)
{
    return (unsigned char)bytes.data[index];
}

static int broken(reader *self, const torc_failure_type *type, const char *problem)
{
    *self->problem = problem;
    *self->type = type;
    return -1;
}

/* -- what we say --------------------------------------------------------------------------- */

size_t torc__socks_greeting(const torc__tunnel *tunnel, char ret_message[TORC__SOCKS_MESSAGE_MAX])
{
    ret_message[0] = VERSION;
    ret_message[1] = tunnel->has_user ? 2 : 1;
    ret_message[2] = NO_AUTHENTICATION;
    ret_message[3] = USER_AND_PASSWORD;
    return tunnel->has_user ? 4 : 3;
}

static size_t put_string(char *to, const char *text)
{
    size_t length = strlen(text);

    to[0] = (char)length;
    memcpy(to + 1, text, length);
    return length + 1;
}

static void say_password(reader *self)
{
    size_t length = 1;

    self->message[0] = 1;
    length += put_string(self->message + length, self->tunnel->user);
    length += put_string(self->message + length, self->tunnel->password);
    *self->length = length;
}

static size_t put_target(char *to, const torc__tunnel *tunnel)
{
    size_t size = tunnel->address.kind == TORC_ADDRESS_IPV4 ? 4 : 16;

    if (tunnel->address.kind == TORC_ADDRESS_NONE) {
        to[0] = NAME;
        return 1 + put_string(to + 1, tunnel->host);
    }
    to[0] = size == 4 ? IPV4 : IPV6;
    memcpy(to + 1, tunnel->address.ip, size);
    return 1 + size;
}

static void say_request(reader *self)
{
    char *to = self->message;
    size_t length = 3;

    to[0] = VERSION;
    to[1] = CONNECT;
    to[2] = 0;
    length += put_target(to + length, self->tunnel);
    to[length++] = (char)(self->tunnel->port >> 8);
    to[length++] = (char)(self->tunnel->port & 255);
    *self->length = length;
}

/* -- what we hear -------------------------------------------------------------------------- */

static int read_method(reader *self, torc__socks_stage *stage)
{
    if (byte_at(self->bytes, 0) != VERSION)
        return broken(self, &torc_error_protocol, "the proxy does not speak SOCKS5");
    if (self->bytes.length < 2)
        return 0;
    if (byte_at(self->bytes, 1) == NO_AUTHENTICATION) {
        *stage = TORC__SOCKS_REPLY;
        say_request(self);
        return 2;
    }
    if (byte_at(self->bytes, 1) == USER_AND_PASSWORD && self->tunnel->has_user) {
        *stage = TORC__SOCKS_PASSWORD;
        say_password(self);
        return 2;
    }
    if (byte_at(self->bytes, 1) != NONE_ACCEPTABLE)
        return broken(self, &torc_error_protocol, "the proxy chose a method that was not offered");
    return broken(self, &torc_error_connect, self->tunnel->has_user
        ? "the proxy takes neither user and password nor nobody"
        : "the proxy wants to know who asks; give user and password");
}

static int read_password(reader *self, torc__socks_stage *stage)
{
    if (self->bytes.length < 2)
        return 0;
    if (byte_at(self->bytes, 0) != 1)
        return broken(self, &torc_error_protocol, "the answer to the password is of no version 1");
    if (byte_at(self->bytes, 1) != 0)
        return broken(self, &torc_error_connect, "the proxy refused user and password");
    *stage = TORC__SOCKS_REPLY;
    say_request(self);
    return 2;
}

static int refused(reader *self, unsigned code)
{
    switch (code) {
    case 2:
        return broken(self, &torc_error_connect, "the proxy's rules do not allow it");
    case 3:
        return broken(self, &torc_error_no_route, "the proxy cannot reach the network");
    case 4:
        return broken(self, &torc_error_no_route, "the proxy cannot reach the host");
    case 5:
        return broken(self, &torc_error_refused, "the host refused the proxy's connection");
    case 6:
        return broken(self, &torc_error_connect_timed_out, "the host did not answer the proxy");
    case 7:
        return broken(self, &torc_error_connect, "the proxy does not make connections");
    case 8:
        return broken(self, &torc_error_connect, "the proxy does not take such addresses");
    default:
        return broken(self, &torc_error_connect, "the proxy failed");
    }
}

/* 0: not known yet, or of no known kind. */
static size_t reply_length(torc_slice bytes)
{
    switch (byte_at(bytes, 3)) {
    case IPV4:
        return 4 + 4 + 2;
    case IPV6:
        return 4 + 16 + 2;
    case NAME:
        return 4 + 1 + byte_at(bytes, 4) + 2;
    default:
        return 0;
    }
}

static int read_reply(reader *self, torc__socks_stage *stage)
{
    torc_slice bytes = self->bytes;

    if (byte_at(bytes, 0) != VERSION)
        return broken(self, &torc_error_protocol, "the reply is not of SOCKS5");
    if (bytes.length < 2)
        return 0;
    /* A proxy that refuses may leave out the rest. */
    if (byte_at(bytes, 1) != 0)
        return refused(self, byte_at(bytes, 1));
    if (bytes.length < 5)
        return 0;
    if (byte_at(bytes, 2) != 0 || reply_length(bytes) == 0)
        return broken(self, &torc_error_protocol, "the reply's address is of no known kind");
    if (bytes.length < reply_length(bytes))
        return 0;
    *stage = TORC__SOCKS_DONE;
    return (int)reply_length(bytes);
}

int torc__socks_read(torc__socks_stage *stage, const torc__tunnel *tunnel, torc_slice bytes,
    char ret_message[TORC__SOCKS_MESSAGE_MAX], size_t *ret_length, const char **ret_problem,
    const torc_failure_type **ret_type)
{
    reader self = { tunnel, bytes, ret_message, ret_length, ret_problem, ret_type };

    *ret_length = 0;
    if (bytes.length == 0)
        return 0;
    switch (*stage) {
    case TORC__SOCKS_METHOD:
        return read_method(&self, stage);
    case TORC__SOCKS_PASSWORD:
        return read_password(&self, stage);
    case TORC__SOCKS_REPLY:
        return read_reply(&self, stage);
    default:
        return 0;
    }
}
