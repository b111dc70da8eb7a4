/*
 * What a connection's TLS is, and who the peer is.
 */
#include "tls/session.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static SSL *open_session(const torc_transport *transport)
{
    const torc__tls_session *session = torc__tls_session_of(transport);

    return session != NULL && SSL_is_init_finished(session->ssl) ? session->ssl : NULL;
}

bool torc_tls_of(const torc_transport *transport, torc_tls_info *ret_info)
{
    SSL *ssl = open_session(transport);
    const unsigned char *protocol;
    unsigned length;

    if (ssl == NULL)
        return false;
    SSL_get0_alpn_selected(ssl, &protocol, &length);
    ret_info->version = SSL_get_version(ssl);
    ret_info->cipher = SSL_get_cipher_name(ssl);
    ret_info->alpn = torc_slice_make(protocol, length);
    ret_info->server_name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    ret_info->resumed = SSL_session_reused(ssl) == 1;
    ret_info->verified =
        SSL_get0_peer_certificate(ssl) != NULL && SSL_get_verify_result(ssl) == X509_V_OK;
    return true;
}

torc_buffer *torc_tls_peer_certificate(const torc_transport *transport)
{
    SSL *ssl = open_session(transport);
    X509 *certificate = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
    unsigned char *encoded = NULL;
    torc_buffer *copy;
    int length;

    if (certificate == NULL)
        return NULL;
    length = i2d_X509(certificate, &encoded);
    ERR_clear_error();
    if (length <= 0)
        return NULL;
    copy = torc_buffer_copy(torc_slice_make(encoded, (size_t)length));
    OPENSSL_free(encoded);
    return copy;
}

/* Of a name's bytes, what can stand in a line of a log. */
static void write_name(const ASN1_STRING *name, char *text, size_t size)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(name);
    size_t length = (size_t)ASN1_STRING_length(name);
    size_t i;

    for (i = 0; i < length && i + 1 < size; i++)
        text[i] = bytes[i] > ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '?';
    text[i] = '\0';
}

static bool write_alternative(X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *each = sk_GENERAL_NAME_value(names, i);

        found = each->type == GEN_DNS || each->type == GEN_EMAIL || each->type == GEN_URI;
        if (found)
            write_name(each->d.ia5, text, size);
    }
    GENERAL_NAMES_free(names);
    return found;
}

bool torc_tls_peer_name(const torc_transport *transport, char *ret_text, size_t size)
{
    SSL *ssl = open_session(transport);
    X509 *certificate = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
    X509_NAME *subject;
    int place;

    ret_text[0] = '\0';
    if (certificate == NULL)
        return false;
    if (write_alternative(certificate, ret_text, size))
        return true;
    subject = X509_get_subject_name(certificate);
    place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (place >= 0)
        write_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)), ret_text, size);
    return ret_text[0] != '\0';
}
