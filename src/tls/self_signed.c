/*
 * A certificate made on the spot, for development: ECDSA P-256, valid for a month, for one name and
 * this machine.
 */
#include "tls/context.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define DAY  86400L
#define LIFE (30 * DAY)

static bool add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return added;
}

static bool add_names(X509 *certificate, const char *name)
{
    char names[512];
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);

    snprintf(names, sizeof names, "%s:%s,DNS:localhost,IP:127.0.0.1,IP:::1",
        address != NULL ? "IP" : "DNS", name);
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    return add_extension(certificate, NID_subject_alt_name, names);
}

static bool fill_in(X509 *certificate, EVP_PKEY *key, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    uint64_t serial = 0;

    return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1
        && X509_set_version(certificate, X509_VERSION_3) == 1
        && ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1
        && X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY) != NULL
        && X509_gmtime_adj(X509_getm_notAfter(certificate), LIFE) != NULL
        && X509_NAME_add_entry_by_txt(
               subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1
        && X509_set_issuer_name(certificate, subject) == 1
        && X509_set_pubkey(certificate, key) == 1 && add_names(certificate, name)
        && add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE")
        && add_extension(certificate, NID_ext_key_usage, "serverAuth")
        && X509_sign(certificate, key, EVP_sha256()) > 0;
}

/* What would break the text of the extension is no name of a host. */
static bool is_host(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length < 64
        && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:")
               == length;
}

torc_failure *torc__tls_sign_itself(SSL_CTX *context, const char *name)
{
    EVP_PKEY *key;
    X509 *certificate;
    bool done;

    if (!is_host(name))
        return torc_failure_new(&torc_error_invalid_argument,
            "'%.64s' is no name that a certificate can be made for", name);
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    done = key != NULL && certificate != NULL && fill_in(certificate, key, name)
        && SSL_CTX_use_certificate(context, certificate) == 1
        && SSL_CTX_use_PrivateKey(context, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return done ? NULL
        : torc__tls_failure(&torc_error_tls, "cannot make a certificate for %s", name);
}
