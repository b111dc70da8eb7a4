/*
 * socks and http-proxy: connecting through a proxy, which is an endpoint of its own.
 *
 *     socks:example.org:80:endpoint=tcp\:127.0.0.1\:1080
 *     http-proxy:example.org:443:endpoint=tcp\:proxy\:3128:user=me:password=secret
 *
 * The host is the proxy's to look up, which is the point of some proxies. A proxy may be reached by
 * any kind of endpoint, one behind another proxy too.
 */
#include "endpoint/further_kinds.h"

#include "base/memory.h"
#include "endpoint/handshake.h"
#include "endpoint/http_connect.h"
#include "endpoint/socks.h"
#include "endpoint/tunnel.h"

/* A tunnel's handshake keeps its own copy: the layer may go before it has ended. */
typedef struct tunnel_handshake {
    torc__handshake handshake;
    torc__tunnel tunnel;
    torc__socks_stage stage;
} tunnel_handshake;

typedef struct tunnel_layer {
    torc__layer layer;
    torc__tunnel tunnel;
} tunnel_layer;

static void take_tunnel(torc__handshake *self, const torc__layer *layer)
{
    torc_of(self, tunnel_handshake)->tunnel =
        TORC_CONTAINER_OF(layer, const tunnel_layer, layer)->tunnel;
}

/* -- SOCKS --------------------------------------------------------------------------------- */

static void begin_socks(torc__handshake *self, const torc__layer *layer)
{
    take_tunnel(self, layer);
    torc__handshake_say(self, torc__socks_greeting(
        &torc_of(self, tunnel_handshake)->tunnel, torc__handshake_room(self)));
}

static int read_socks(torc__handshake *self, torc_slice bytes)
{
    tunnel_handshake *own = torc_of(self, tunnel_handshake);
    char message[TORC__SOCKS_MESSAGE_MAX];
    const torc_failure_type *type;
    const char *problem;
    size_t length;
    int taken;

    taken = torc__socks_read(
        &own->stage, &own->tunnel, bytes, message, &length, &problem, &type);
    if (taken < 0)
        return torc__handshake_break(self, type, "%s", problem);
    if (length > 0 && !torc__handshake_add(self, torc_slice_make(message, length)))
        return torc__handshake_break(self, &torc_error_protocol,
            "the proxy answers what was not asked yet, or memory is out");
    self->over = own->stage == TORC__SOCKS_DONE;
    return taken;
}

static int enter_socks(torc__layer *layer, torc_transport *transport)
{
    static const torc__handshake_class kind = {
        .name = "SOCKS",
        .size = sizeof(tunnel_handshake),
        .bytes_max = TORC__SOCKS_REPLY_MAX,
        .begin = begin_socks,
        .read = read_socks,
    };

    return torc__handshake_enter(&kind, layer, transport);
}

/* -- CONNECT ------------------------------------------------------------------------------- */

static void begin_connect(torc__handshake *self, const torc__layer *layer)
{
    take_tunnel(self, layer);
    torc__handshake_say(self, torc__http_connect_request(
        &torc_of(self, tunnel_handshake)->tunnel, torc__handshake_room(self)));
}

/* What a stranger sent goes to logs: without what would disturb them. */
static const char *printable(torc_slice text, char *to, size_t size)
{
    size_t length = text.length < size - 1 ? text.length : size - 1;

    for (size_t i = 0; i < length; i++)
        to[i] = text.data[i] >= ' ' && text.data[i] < 127 ? text.data[i] : '?';
    to[length] = '\0';
    return to;
}

static int read_connect(torc__handshake *self, torc_slice bytes)
{
    char text[64];
    torc_slice reason;
    int status = 0;
    int taken = torc__http_connect_read(bytes, &status, &reason);

    if (taken < 0)
        return torc__handshake_break(self, &torc_error_protocol, "the proxy does not speak HTTP/1");
    if (taken == 0 || status < 200)
        return taken;
    if (status >= 300)
        return torc__handshake_break(self, &torc_error_connect, "the proxy answered %d %s%s",
            status, printable(reason, text, sizeof(text)),
            status == 407 ? "; give user and password" : "");
    self->over = true;
    return taken;
}

static int enter_connect(torc__layer *layer, torc_transport *transport)
{
    static const torc__handshake_class kind = {
        .name = "the HTTP proxy",
        .size = sizeof(tunnel_handshake),
        .bytes_max = TORC__HTTP_CONNECT_HEAD_MAX,
        .begin = begin_connect,
        .read = read_connect,
    };

    return torc__handshake_enter(&kind, layer, transport);
}

/* -- arguments ----------------------------------------------------------------------------- */

typedef struct tunnel_own {
    torc__tunnel tunnel;
    torc_slice proxy;   /* its description */
    torc_time timeout;  /* 0: not given */
} tunnel_own;

static torc__tunnel *tunnel_of(torc__endpoint *endpoint)
{
    return &((tunnel_own *)endpoint->own)->tunnel;
}

static const char *read_proxy(torc__endpoint *endpoint, torc_slice value)
{
    ((tunnel_own *)endpoint->own)->proxy = value;
    return NULL;
}

static const char *read_secret(torc_slice value, char *ret_secret)
{
    if (value.length == 0 || value.length > TORC__TUNNEL_SECRET_MAX)
        return "must be of 1 to 255 bytes";
    memcpy(ret_secret, value.data, value.length);
    ret_secret[value.length] = '\0';
    return NULL;
}

static const char *read_user(torc__endpoint *endpoint, torc_slice value)
{
    tunnel_of(endpoint)->has_user = true;
    return read_secret(value, tunnel_of(endpoint)->user);
}

static const char *read_http_user(torc__endpoint *endpoint, torc_slice value)
{
    if (torc_slice_find_byte(value, ':') < value.length)
        return "must not hold a ':' (RFC 7617 2)";
    return read_user(endpoint, value);
}

static const char *read_password(torc__endpoint *endpoint, torc_slice value)
{
    return read_secret(value, tunnel_of(endpoint)->password);
}

static const char *read_tunnel_timeout(torc__endpoint *endpoint, torc_slice value)
{
    const char *rule = torc__read_timeout(endpoint, value);

    ((tunnel_own *)endpoint->own)->timeout = endpoint->timeout;
    return rule;
}

static const char *check_tunnel(torc__endpoint *endpoint)
{
    const torc__tunnel *tunnel = tunnel_of(endpoint);

    if (tunnel->has_user != (tunnel->password[0] != '\0'))
        return "user and password go together; give both";
    return NULL;
}

/* -- reading ------------------------------------------------------------------------------- */

/* Where it leads to becomes the tunnel's; where the proxy is will be the endpoint's. */
static void move_target(torc__endpoint *endpoint)
{
    torc__tunnel *tunnel = tunnel_of(endpoint);

    tunnel->address = endpoint->address;
    tunnel->port = endpoint->port;
    memcpy(tunnel->host, endpoint->host, sizeof(tunnel->host));
    memset(&endpoint->address, 0, sizeof(endpoint->address));
    endpoint->host[0] = '\0';
    endpoint->port = 0;
}

static torc_failure *finish(torc__endpoint *endpoint, const torc__layer_class *kind)
{
    tunnel_own *own = endpoint->own;
    tunnel_layer *layer;
    torc_failure *failure;

    move_target(endpoint);
    failure = torc__endpoint_read_inner(endpoint, own->proxy, false);
    if (failure != NULL)
        return failure;
    if (own->timeout != 0)
        endpoint->timeout = own->timeout;
    layer = torc__allocate_zeroed(sizeof(*layer));
    if (layer == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "%s: out of memory", endpoint->text);
    layer->layer.kind = kind;
    layer->layer.holders = 1;
    layer->tunnel = own->tunnel;
    torc__endpoint_add_layer(endpoint, &layer->layer);
    return NULL;
}

static void free_layer(torc__layer *layer)
{
    torc__free(TORC_CONTAINER_OF(layer, tunnel_layer, layer));
}

static torc_failure *finish_socks(torc__endpoint *endpoint)
{
    static const torc__layer_class kind = {
        .name = "SOCKS", .enter = enter_socks, .release = free_layer,
    };

    return finish(endpoint, &kind);
}

static torc_failure *finish_http(torc__endpoint *endpoint)
{
    static const torc__layer_class kind = {
        .name = "HTTP proxy", .enter = enter_connect, .release = free_layer,
    };

    return finish(endpoint, &kind);
}

static const torc__usage socks_connecting = {
    .verb = "connecting",
    .example = "socks:example.org:80:endpoint=tcp\\:127.0.0.1\\:1080",
    .own_size = sizeof(tunnel_own),
    .check = check_tunnel,
    .finish = finish_socks,
    .arguments = {
        { .name = "host", .read = torc__read_host, .mandatory = true },
        { .name = "port", .read = torc__read_peer_port, .mandatory = true },
        { .name = "endpoint", .alias = "proxy", .read = read_proxy, .mandatory = true },
        { .name = "user", .read = read_user },
        { .name = "password", .read = read_password, .secret = true },
        { .name = "timeout", .read = read_tunnel_timeout },
    },
};

static const torc__usage http_connecting = {
    .verb = "connecting",
    .example = "http-proxy:example.org:443:endpoint=tcp\\:127.0.0.1\\:3128",
    .own_size = sizeof(tunnel_own),
    .check = check_tunnel,
    .finish = finish_http,
    .arguments = {
        { .name = "host", .read = torc__read_host, .mandatory = true },
        { .name = "port", .read = torc__read_peer_port, .mandatory = true },
        { .name = "endpoint", .alias = "proxy", .read = read_proxy, .mandatory = true },
        { .name = "user", .read = read_http_user },
        { .name = "password", .read = read_password, .secret = true },
        { .name = "timeout", .read = read_tunnel_timeout },
    },
};

const torc__kind torc__kind_socks = { .name = "socks", .connecting = &socks_connecting };
const torc__kind torc__kind_http_proxy = { .name = "http-proxy", .connecting = &http_connecting };
