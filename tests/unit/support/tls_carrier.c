/*
 * One self-signed certificate for all worlds of the process, and one configuration of each side,
 * which all but the endpoints that listen have in common: to make them takes longer than most
 * behaviours. So only the first handshake of a process is a full one.
 */
#include "support/tls_carrier.h"

#ifdef TORC_TESTS_HAVE_TLS

#include <torc/tls.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#define DAY 86400L

static EVP_PKEY *key;
static X509 *certificate;

static void add_extension(int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static void make_certificate(void)
{
    X509_NAME *name;

    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    assert_non_null(key);
    assert_non_null(certificate);
    name = X509_get_subject_name(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY);
    X509_gmtime_adj(X509_getm_notAfter(certificate), DAY);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    add_extension(NID_basic_constraints, "critical,CA:TRUE");
    add_extension(NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
}

static void write_path(const world *w, char path[128])
{
    snprintf(path, 128, "%s/site.pem", w->directory);
}

void open_tls(world *w)
{
    char path[128];
    FILE *file;

    torc_tls_use();
    if (certificate == NULL)
        make_certificate();
    write_path(w, path);
    file = fopen(path, "w");
    assert_non_null(file);
    PEM_write_X509(file, certificate);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

void close_tls(world *w)
{
    char path[128];

    write_path(w, path);
    unlink(path);
}

/* NULL, with *reterr_failure set, where a behaviour takes the memory away. */
static torc_tls *configuration(const world *w, bool serves, torc_failure **reterr_failure)
{
    static torc_tls *configurations[2];
    torc_tls_options options = { 0 };
    torc_tls **one = &configurations[serves];
    char path[128];

    write_path(w, path);
    if (serves)
        options.certificate = path;
    else
        options.authorities = path;
    if (*one == NULL)
        *one = serves ? torc_tls_server_new(&options, reterr_failure)
                      : torc_tls_client_new(&options, reterr_failure);
    return *one;
}

void write_tls_listening(const world *w, char *text, size_t size)
{
    char path[128];

    write_path(w, path);
    snprintf(text, size, "tls:0:interface=127.0.0.1:certificate=%s", path);
}

/* By the key, because what names no file is the same in all worlds. */
void write_tls_connecting(const world *w, unsigned port, char *text, size_t size)
{
    char pin[TORC_TLS_PIN_MAX];
    torc_failure *failure = NULL;
    torc_tls *of_server = configuration(w, true, &failure);

    assert_non_null(of_server);
    assert_true(torc_tls_pin(of_server, pin));
    snprintf(text, size, "tls:127.0.0.1:%u:pin=%s:authorities=none", port, pin);
}

void start_tls(side *of, void *protocol)
{
    bool serves = of == &of->world->server;
    torc_failure *failure = NULL;
    torc_tls *tls = configuration(of->world, serves, &failure);

    if (tls == NULL)
        torc_abort_because(((torc_protocol *)protocol)->transport, failure);
    else
        torc_start_tls(protocol, tls, serves ? NULL : "localhost");
}

bool tls_is_open(const record *self)
{
    torc_tls_info info;

    return self->protocol == NULL || torc_tls_of(transport_of(self), &info);
}

#else

void open_tls(world *w)
{
    (void)w;
}

void close_tls(world *w)
{
    (void)w;
}

void write_tls_listening(const world *w, char *text, size_t size)
{
    (void)w;
    (void)text;
    (void)size;
}

void write_tls_connecting(const world *w, unsigned port, char *text, size_t size)
{
    (void)w;
    (void)port;
    (void)text;
    (void)size;
}

void start_tls(side *of, void *protocol)
{
    (void)of;
    (void)protocol;
}

bool tls_is_open(const record *self)
{
    (void)self;
    return true;
}

#endif
