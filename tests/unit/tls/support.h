/*
 * What the tests of TLS share: an authority and certificates made on the spot, and running until
 * something is so.
 */
#ifndef TORC_TESTS_TLS_SUPPORT_H
#define TORC_TESTS_TLS_SUPPORT_H

#include <torc.h>
#include <torc/tls.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/torc-tls-XXXXXX";
static TORC_UNUSED torc_reactor *reactor;

/* -- certificates --------------------------------------------------------------------------- */

#define DAY 86400L

static X509 *authority;
static EVP_PKEY *authority_key;

static const char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* `names` as an extension has them ("DNS:a,IP:127.0.0.1"); NULL: an authority. */
static X509 *make_certificate(
    EVP_PKEY *key, const char *common_name, const char *names, long starts, long ends)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    static long serial = 1;

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), starts);
    X509_gmtime_adj(X509_getm_notAfter(certificate), ends);
    X509_NAME_add_entry_by_txt(
        subject, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    add_extension(
        certificate, NID_basic_constraints, names == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (names != NULL)
        add_extension(certificate, NID_subject_alt_name, names);
    X509_set_issuer_name(
        certificate, authority != NULL ? X509_get_subject_name(authority) : subject);
    assert_true(
        X509_sign(certificate, authority_key != NULL ? authority_key : key, EVP_sha256()) > 0);
    return certificate;
}

static void write_pem(const char *name, X509 *certificate, EVP_PKEY *key)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    PEM_write_X509(file, certificate);
    if (key != NULL)
        PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

static void make_file(
    const char *name, const char *common_name, const char *names, long starts, long ends)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, common_name, names, starts, ends);

    write_pem(name, certificate, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static TORC_UNUSED int make_certificates(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *own = make_certificate(key, "Test authority", NULL, -DAY, DAY);

    authority_key = key;
    authority = own;
    write_pem("authority.pem", authority, NULL);
    make_file("good.pem", "localhost", "DNS:localhost,IP:127.0.0.1", -DAY, DAY);
    make_file("client.pem", "client", "email:me@example.org", -DAY, DAY);
    make_file("expired.pem", "localhost", "DNS:localhost,IP:127.0.0.1", -2 * DAY, -DAY);
    make_file("early.pem", "localhost", "DNS:localhost,IP:127.0.0.1", DAY, 2 * DAY);
    make_file("other.pem", "other", "DNS:other.example", -DAY, DAY);
    torc_tls_use();
    return 0;
}

static TORC_UNUSED int remove_certificates(void **state)
{
    char command[128];

    (void)state;
    X509_free(authority);
    EVP_PKEY_free(authority_key);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* -- running -------------------------------------------------------------------------------- */

/* Turns until `condition` holds; fails the test after ten seconds. */
#define RUN_UNTIL(condition) \
    do { \
        torc_time run_end = torc_monotonic_now() + 10 * TORC_SECOND; \
        while (!(condition) && torc_monotonic_now() < run_end) \
            torc_iterate(reactor, 100 * TORC_MILLISECOND); \
        assert_true(condition); \
    } while (0)

#endif /* TORC_TESTS_TLS_SUPPORT_H */
