/*
 * The kinds "tls" and "ssl" of endpoints.
 */
#include "tls/endpoint.h"

#include "base/abort.h"
#include "endpoint/kind.h"
#include "tls/session.h"
#include "tls/shared.h"

#include <stdio.h>

/* What is kept while the arguments are read. Values stand in the description, with a NUL behind. */
typedef struct tls_arguments {
    torc_tls_options options;
    torc_slice inner;
    const char *name;
    const char *self_signed;
    bool has_port;
} tls_arguments;

static tls_arguments *arguments_of(torc__endpoint *endpoint)
{
    return endpoint->own;
}

/* -- arguments ----------------------------------------------------------------------------- */

static const char *keep(const char **place, torc_slice value)
{
    if (value.length == 0)
        return "must not be empty";
    *place = value.data;
    return NULL;
}

static const char *read_certificate(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.certificate, value);
}

static const char *read_key(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.key, value);
}

static const char *read_chain(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.chain, value);
}

static const char *read_certificates(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.certificates, value);
}

/* "none" is for pins only: see check_connecting. */
static const char *read_authorities(torc__endpoint *endpoint, torc_slice value)
{
    torc_tls_options *options = &arguments_of(endpoint)->options;

    options->without_authorities = torc_slice_is(value, "none");
    return options->without_authorities ? NULL : keep(&options->authorities, value);
}

static const char *read_client_authorities(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.authorities, value);
}

static const char *read_alpn(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.alpn, value);
}

static const char *read_pin(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.pin, value);
}

static const char *read_ocsp(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.ocsp, value);
}

static const char *read_key_log(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->options.key_log, value);
}

static const char *read_name(torc__endpoint *endpoint, torc_slice value)
{
    arguments_of(endpoint)->name = value.data;
    return torc__tls_is_name(value) ? NULL : "must be the name of a host";
}

static const char *read_self_signed(torc__endpoint *endpoint, torc_slice value)
{
    return keep(&arguments_of(endpoint)->self_signed, value);
}

static const char *read_minimum(torc__endpoint *endpoint, torc_slice value)
{
    arguments_of(endpoint)->options.only_tls_1_3 = torc_slice_is(value, "1.3");
    return torc_slice_is(value, "1.3") || torc_slice_is(value, "1.2") ? NULL
        : "must be '1.2' or '1.3'";
}

static const char *read_inner(torc__endpoint *endpoint, torc_slice value)
{
    arguments_of(endpoint)->inner = value;
    return value.length > 0 ? NULL : "must not be empty";
}

static const char *read_clients(torc__endpoint *endpoint, torc_slice value)
{
    torc_tls_options *options = &arguments_of(endpoint)->options;

    if (torc_slice_is(value, "request"))
        options->clients = TORC_TLS_CLIENTS_REQUEST;
    else if (torc_slice_is(value, "require"))
        options->clients = TORC_TLS_CLIENTS_REQUIRE;
    else
        return "must be 'request' or 'require'";
    return NULL;
}

static const char *read_port(torc__endpoint *endpoint, torc_slice value)
{
    arguments_of(endpoint)->has_port = true;
    return torc__read_port(endpoint, value);
}

static const char *read_peer_port(torc__endpoint *endpoint, torc_slice value)
{
    arguments_of(endpoint)->has_port = true;
    return torc__read_peer_port(endpoint, value);
}

/* A host is also whom the certificate must be for, where no other name is given. */
static const char *read_host(torc__endpoint *endpoint, torc_slice value)
{
    tls_arguments *arguments = arguments_of(endpoint);

    if (arguments->name == NULL)
        arguments->name = value.data;
    return torc__read_host(endpoint, value);
}

/* -- putting it together ------------------------------------------------------------------- */

static void prepare_listening(torc__endpoint *endpoint)
{
    endpoint->address.kind = TORC_ADDRESS_IPV4;
}

static const char *check_listening(torc__endpoint *endpoint)
{
    const tls_arguments *arguments = arguments_of(endpoint);

    if (arguments->has_port == (arguments->inner.length > 0))
        return "either a port or an endpoint must be given; write tls:443:certificate=site.pem";
    if (arguments->self_signed != NULL && (arguments->options.certificate != NULL
            || arguments->options.certificates != NULL || arguments->options.alpn != NULL
            || arguments->options.key_log != NULL
            || arguments->options.clients != TORC_TLS_CLIENTS_ANONYMOUS))
        return "selfSigned goes with none of the other certificates, protocols and clients; write "
               "tls:8443:selfSigned=localhost";
    if (arguments->self_signed == NULL && arguments->options.certificate == NULL
        && arguments->options.certificates == NULL)
        return "a certificate is missing; write tls:443:certificate=site.pem";
    endpoint->address.port = endpoint->port;
    return NULL;
}

static const char *check_connecting(torc__endpoint *endpoint)
{
    const tls_arguments *arguments = arguments_of(endpoint);

    if (arguments->has_port == (arguments->inner.length > 0))
        return "either a host with its port or an endpoint must be given; write tls:example.org:443";
    if (arguments->name == NULL)
        return "the name that the certificate must be for is missing; write name=example.org";
    if (arguments->options.without_authorities && arguments->options.pin == NULL)
        return "authorities=none is for who knows the key: write pin=sha256/BASE64 too";
    if (endpoint->address.kind != TORC_ADDRESS_NONE)
        endpoint->address.port = endpoint->port;
    return NULL;
}

/* "[::1]" is how an address is written in a description, and not its name. */
static const char *bare_name(const char *name, char room[TORC_ADDRESS_TEXT_MAX])
{
    torc_address address;

    if (name != NULL && name[0] == '[' && torc_address_parse(torc_slice_of(name), 0, &address))
        return torc_address_host(&address, room);
    return name;
}

static torc_failure *add_layer(torc__endpoint *endpoint, torc_tls *tls, const char *name)
{
    char room[TORC_ADDRESS_TEXT_MAX];
    torc__layer *layer = torc__tls_layer_new(tls, bare_name(name, room));

    if (layer == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "%s: out of memory", endpoint->text);
    torc__endpoint_add_layer(endpoint, layer);
    return NULL;
}

static torc_tls *open_configuration(
    const tls_arguments *arguments, bool listening, torc_failure **reterr_failure)
{
    if (!listening)
        return torc__tls_shared_client(&arguments->options, reterr_failure);
    if (arguments->self_signed != NULL)
        return torc_tls_self_signed(arguments->self_signed, reterr_failure);
    return torc_tls_server_new(&arguments->options, reterr_failure);
}

static torc_failure *finish(torc__endpoint *endpoint, bool listening)
{
    tls_arguments *arguments = arguments_of(endpoint);
    torc_failure *failure = NULL;
    torc_tls *tls;

    tls = open_configuration(arguments, listening, &failure);
    if (tls == NULL)
        return torc_failure_because(
            torc__endpoint_bad(endpoint, "%s", torc_failure_text(failure)), failure);
    if (arguments->inner.length > 0)
        failure = torc__endpoint_read_inner(endpoint, arguments->inner, listening);
    if (failure == NULL)
        failure = add_layer(endpoint, tls, listening ? NULL : arguments->name);
    torc_tls_release(tls);
    return failure;
}

static torc_failure *finish_listening(torc__endpoint *endpoint)
{
    return finish(endpoint, true);
}

static torc_failure *finish_connecting(torc__endpoint *endpoint)
{
    return finish(endpoint, false);
}

static const torc__usage listening = {
    .verb = "listening",
    .example = "tls:443:certificate=site.pem",
    .own_size = sizeof(tls_arguments),
    .prepare = prepare_listening,
    .check = check_listening,
    .finish = finish_listening,
    .arguments = {
        { .name = "port", .read = read_port },
        { .name = "certificate", .alias = "certKey", .read = read_certificate },
        { .name = "key", .alias = "privateKey", .read = read_key },
        { .name = "chain", .alias = "extraCertChain", .read = read_chain },
        { .name = "certificates", .read = read_certificates },
        { .name = "authorities", .read = read_client_authorities },
        { .name = "client", .read = read_clients },
        { .name = "alpn", .read = read_alpn },
        { .name = "ocsp", .read = read_ocsp },
        { .name = "minimum", .read = read_minimum },
        { .name = "keyLog", .read = read_key_log },
        { .name = "selfSigned", .read = read_self_signed },
        { .name = "interface", .read = torc__read_interface },
        { .name = "backlog", .read = torc__read_backlog },
        { .name = "timeout", .read = torc__read_timeout },
        { .name = "endpoint", .read = read_inner },
    },
};

static const torc__usage connecting = {
    .verb = "connecting",
    .example = "tls:example.org:443",
    .own_size = sizeof(tls_arguments),
    .check = check_connecting,
    .finish = finish_connecting,
    .arguments = {
        { .name = "host", .read = read_host },
        { .name = "port", .read = read_peer_port },
        { .name = "name", .read = read_name },
        { .name = "certificate", .alias = "certKey", .read = read_certificate },
        { .name = "key", .alias = "privateKey", .read = read_key },
        { .name = "authorities", .alias = "trustRoots", .read = read_authorities },
        { .name = "alpn", .read = read_alpn },
        { .name = "pin", .read = read_pin },
        { .name = "minimum", .read = read_minimum },
        { .name = "keyLog", .read = read_key_log },
        { .name = "timeout", .read = torc__read_timeout },
        { .name = "bindAddress", .read = torc__read_local },
        { .name = "endpoint", .read = read_inner },
    },
};

static const torc__kind tls_kind = {
    .name = "tls", .listening = &listening, .connecting = &connecting,
};
static const torc__kind ssl_kind = {
    .name = "ssl", .listening = &listening, .connecting = &connecting,
};

void torc_tls_use(void)
{
    if (!torc__kind_register(&tls_kind) || !torc__kind_register(&ssl_kind))
        torc__abort("torc_tls_use: the endpoints tls and ssl are another component's already");
}
