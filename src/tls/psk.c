/*
 * Keys that both sides were given beforehand: OpenSSL's callbacks for TLS 1.2, which it asks for
 * TLS 1.3 too (there the key stands for one with SHA-256, as RFC 8446 4.2.11 has it).
 */
#include "tls/context.h"

#include <string.h>

static const torc_tls *tls_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static unsigned find_key(
    const torc_tls *tls, char *identity, unsigned char *to, unsigned room)
{
    unsigned char key[TORC_TLS_KEY_MAX];
    size_t length = tls->options.find_psk(tls->options.psk_context, identity, key);

    if (length > sizeof key || length > room)
        length = 0;
    memcpy(to, key, length);
    OPENSSL_cleanse(key, sizeof key);
    return (unsigned)length;
}

static unsigned at_server(
    SSL *ssl, const char *said, unsigned char *ret_key, unsigned room)
{
    char identity[TORC_TLS_IDENTITY_MAX];

    if (strlen(said) >= sizeof identity)
        return 0;
    memcpy(identity, said, strlen(said) + 1);
    return find_key(tls_of(ssl), identity, ret_key, room);
}

static unsigned at_client(SSL *ssl, const char *hint, char *ret_identity, unsigned identity_room,
    unsigned char *ret_key, unsigned room)
{
    char identity[TORC_TLS_IDENTITY_MAX] = "";
    unsigned length = find_key(tls_of(ssl), identity, ret_key, room);
    size_t identity_length = strnlen(identity, sizeof identity);

    (void)hint;
    if (identity_length == sizeof identity || identity_length >= identity_room)
        return 0;
    memcpy(ret_identity, identity, identity_length + 1);
    return length;
}

void torc__tls_psk_use(torc_tls *tls)
{
    if (tls->is_server)
        SSL_CTX_set_psk_server_callback(tls->context, at_server);
    else
        SSL_CTX_set_psk_client_callback(tls->context, at_client);
}
