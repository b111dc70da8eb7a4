/*
 * What went wrong, in words: OpenSSL's reasons, and what they mean for whoever runs the program.
 */
#include "tls/session.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>

const torc_failure_type torc_error_tls = { "Tls", &torc_error_connect };
const torc_failure_type torc_error_tls_certificate = { "TlsCertificate", &torc_error_tls };

torc_failure *torc__tls_failure(const torc_failure_type *type, const char *format, ...)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(error);
    char what[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    ERR_clear_error();
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return torc_failure_new(&torc_error_out_of_memory, "%s: out of memory", what);
    if (reason == NULL)
        return torc_failure_new(type, "%s", what);
    return torc_failure_new(type, "%s: %s", what, reason);
}

/* The peer's certificate was not taken. */
static torc_failure *certificate_failure(const torc__tls_session *session, long result)
{
    const char *who = torc__tls_peer(session);

    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return torc_failure_new(&torc_error_tls_certificate,
            "the certificate of %s has expired", who);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return torc_failure_new(&torc_error_tls_certificate,
            "the certificate of %s is not valid yet: is this machine's clock right?", who);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return torc_failure_new(&torc_error_tls_certificate,
            "the certificate is not for %s", who);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return torc_failure_new(&torc_error_tls_certificate,
            "the certificate of %s is signed by itself; name its authority by authorities=FILE", who);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return torc_failure_new(&torc_error_tls_certificate,
            "the certificate of %s is signed by an authority that is not known here; name it by "
            "authorities=FILE", who);
    case X509_V_ERR_CERT_REVOKED:
        return torc_failure_new(&torc_error_tls_certificate,
            "the certificate of %s was revoked", who);
    case X509_V_ERR_APPLICATION_VERIFICATION:
        return torc_failure_new(&torc_error_tls_certificate,
            "the public key of %s is not the one that is pinned", who);
    default:
        return torc_failure_new(&torc_error_tls_certificate, "the certificate of %s is not valid: %s",
            who, X509_verify_cert_error_string(result));
    }
}

const char *torc__tls_reason(unsigned long error)
{
    if (error == 0 || ERR_GET_LIB(error) != ERR_LIB_SSL)
        return error != 0 ? ERR_reason_error_string(error) : NULL;
    switch (ERR_GET_REASON(error)) {
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "no cipher or certificate suits both sides";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
        return "no version of TLS suits both sides";
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        return "no protocol (ALPN) suits both sides";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the other side does not know the authority that signed our certificate";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        return "the other side does not take our certificate";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the other side says that our certificate has expired";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "a certificate of the client is required";
    case SSL_R_HTTP_REQUEST:
        return "the other side speaks HTTP in clear; it must use https";
    case SSL_R_WRONG_VERSION_NUMBER:
        return "the other side does not speak TLS";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return "the other side closed the connection in the middle";
    default:
        return ERR_reason_error_string(error);
    }
}

/* Takes what OpenSSL has noted. It gives a reason of its own to most of what fails for memory. */
static bool memory_was_out(void)
{
    bool found = false;
    unsigned long error;

    while ((error = ERR_get_error()) != 0)
        found = found || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return found;
}

torc_failure *torc__tls_session_failure(const torc__tls_session *session)
{
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    long verified = SSL_get_verify_result(session->ssl);
    const char *why;

    if (memory_was_out())
        return torc_failure_new(&torc_error_out_of_memory,
            "the TLS handshake with %s failed: out of memory", torc__tls_peer(session));
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
        return certificate_failure(session, verified);
    why = torc__tls_reason(error);
    return torc_failure_new(&torc_error_tls, "the TLS handshake with %s failed: %s",
        torc__tls_peer(session), why != NULL ? why : "no reason is known");
}

torc_failure *torc__tls_broken(void)
{
    const char *why = torc__tls_reason(ERR_peek_error());

    if (memory_was_out())
        return torc_failure_new(
            &torc_error_out_of_memory, "the TLS connection broke: out of memory");
    return torc_failure_new(&torc_error_connection_lost, "the TLS connection broke: %s",
        why != NULL ? why : "no reason is known");
}
