/*
 * Configurations: made from options, counted, read anew.
 */
#include "tls/context.h"

#include "base/memory.h"
#include "tls/names.h"

#include <stddef.h>

#define HANDSHAKE_LIMIT (30 * TORC_SECOND)

/* Where in the options the strings stand: they are copied. */
static const size_t strings[] = {
    offsetof(torc_tls_options, certificate),
    offsetof(torc_tls_options, key),
    offsetof(torc_tls_options, chain),
    offsetof(torc_tls_options, certificates),
    offsetof(torc_tls_options, authorities),
    offsetof(torc_tls_options, alpn),
    offsetof(torc_tls_options, ciphers),
    offsetof(torc_tls_options, pin),
    offsetof(torc_tls_options, ocsp),
    offsetof(torc_tls_options, key_log),
};

#define STRINGS (sizeof strings / sizeof strings[0])

static const char **string_at(torc_tls_options *options, size_t index)
{
    return (const char **)(void *)((char *)options + strings[index]);
}

static bool copy_options(torc_tls_options *to, const torc_tls_options *from)
{
    torc_tls_options original = *from;
    bool copied = true;

    *to = original;
    for (size_t i = 0; i < STRINGS; i++) {
        const char *text = *string_at(&original, i);
        char *copy = NULL;

        if (text != NULL) {
            copy = torc__allocate(strlen(text) + 1);
            if (copy != NULL)
                memcpy(copy, text, strlen(text) + 1);
            copied = copied && copy != NULL;
        }
        *string_at(to, i) = copy;
    }
    return copied;
}

static void free_options(torc_tls_options *options)
{
    for (size_t i = 0; i < STRINGS; i++)
        torc__free((void *)(uintptr_t)*string_at(options, i));
}

/* What was opened from the options. */
static void close_context(torc_tls *tls)
{
    SSL_CTX_free(tls->context);
    torc__tls_names_free(tls->names);
    OPENSSL_free(tls->alpn);
    torc_buffer_release(tls->ocsp);
}

torc_tls *torc_tls_hold(torc_tls *tls)
{
    atomic_fetch_add_explicit(&tls->holders, 1, memory_order_relaxed);
    return tls;
}

void torc_tls_release(torc_tls *tls)
{
    if (tls == NULL || atomic_fetch_sub_explicit(&tls->holders, 1, memory_order_acq_rel) > 1)
        return;
    close_context(tls);
    torc__tls_sessions_destroy(&tls->sessions);
    free_options(&tls->options);
    torc__free(tls);
}

static torc_failure *check_options(const torc_tls_options *options, bool is_server)
{
    if (is_server && options->certificate == NULL && options->certificates == NULL
        && options->find_psk == NULL)
        return torc_failure_new(&torc_error_invalid_argument,
            "a TLS server needs a certificate: give the file or the directory it is in");
    if (is_server && options->clients != TORC_TLS_CLIENTS_ANONYMOUS && options->authorities == NULL)
        return torc_failure_new(&torc_error_invalid_argument,
            "certificates of clients are checked against authorities: give their file");
    return NULL;
}

static atomic_uint generation;

unsigned torc__tls_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_acquire);
}

void torc_tls_reload_all(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_acq_rel);
}

torc_time torc__tls_handshake_limit(const torc_tls *tls)
{
    return tls->options.handshake_limit > 0 ? tls->options.handshake_limit : HANDSHAKE_LIMIT;
}

/* With one holder, and nothing read yet. NULL when memory is out. */
static torc_tls *allocate(bool is_server)
{
    torc_tls *tls = torc__allocate_zeroed(sizeof *tls);

    if (tls == NULL)
        return NULL;
    atomic_init(&tls->holders, 1);
    tls->is_server = is_server;
    tls->generation = torc__tls_generation();
    torc__tls_sessions_init(&tls->sessions);
    return tls;
}

static torc_tls *tls_new(
    const torc_tls_options *options, bool is_server, torc_failure **reterr_failure)
{
    torc_tls *tls;

    *reterr_failure = check_options(options, is_server);
    if (*reterr_failure != NULL)
        return NULL;
    tls = allocate(is_server);
    if (tls == NULL) {
        *reterr_failure = torc_failure_new(&torc_error_out_of_memory, "out of memory");
        return NULL;
    }
    if (copy_options(&tls->options, options))
        *reterr_failure = torc__tls_context_open(tls);
    else
        *reterr_failure = torc_failure_new(&torc_error_out_of_memory, "out of memory");
    if (*reterr_failure == NULL)
        return tls;
    torc_tls_release(tls);
    return NULL;
}

torc_tls *torc_tls_server_new(const torc_tls_options *options, torc_failure **reterr_failure)
{
    return tls_new(options, true, reterr_failure);
}

torc_tls *torc_tls_client_new(const torc_tls_options *options, torc_failure **reterr_failure)
{
    return tls_new(options, false, reterr_failure);
}

/* In place, because connections and callbacks know the configuration by its address. */
torc_failure *torc_tls_reload(torc_tls *tls)
{
    torc_tls before = { 0 };
    torc_failure *failure;

    if (tls->is_self_signed || tls->is_shared)
        return NULL;
    tls->generation = torc__tls_generation();
    before.context = tls->context;
    before.names = tls->names;
    before.alpn = tls->alpn;
    before.alpn_length = tls->alpn_length;
    before.ocsp = tls->ocsp;
    tls->context = NULL;
    tls->names = NULL;
    tls->alpn = NULL;
    tls->ocsp = NULL;
    failure = torc__tls_context_open(tls);
    if (failure == NULL) {
        torc__tls_sessions_clear(&tls->sessions);
        close_context(&before);
        return NULL;
    }
    close_context(tls);
    tls->context = before.context;
    tls->names = before.names;
    tls->alpn = before.alpn;
    tls->alpn_length = before.alpn_length;
    tls->ocsp = before.ocsp;
    return failure;
}

torc_tls *torc_tls_self_signed(const char *name, torc_failure **reterr_failure)
{
    torc_tls *tls = allocate(true);

    if (tls == NULL) {
        *reterr_failure = torc_failure_new(&torc_error_out_of_memory, "out of memory");
        return NULL;
    }
    tls->is_self_signed = true;
    *reterr_failure = torc__tls_context_open(tls);
    if (*reterr_failure == NULL)
        *reterr_failure = torc__tls_sign_itself(tls->context, name);
    if (*reterr_failure == NULL)
        return tls;
    torc_tls_release(tls);
    return NULL;
}
