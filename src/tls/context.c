/*
 * From options to OpenSSL's context.
 */
#include "tls/context.h"

#include "tls/names.h"
#include "tls/session.h"
#include "tls/tickets.h"

#include <torc/log.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>

/* Forward secret and authenticated, as RFC 9325 4.2 asks of TLS 1.2; TLS 1.3 has no others. */
#define CIPHERS     "ECDHE+AESGCM:ECDHE+CHACHA20"
#define PSK_CIPHERS CIPHERS ":kECDHEPSK+CHACHA20:kDHEPSK+AESGCM"

/* -- certificates -------------------------------------------------------------------------- */

static torc_failure *use_chain(SSL_CTX *context, const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    X509 *certificate = NULL;
    unsigned count = 0;

    if (file == NULL)
        return torc__tls_failure(&torc_error_invalid_argument, "cannot read %s", path);
    while ((certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context, certificate) != 1) {
            X509_free(certificate);
            break;
        }
        count++;
    }
    BIO_free(file);
    /* The file's end is an error to OpenSSL; any other leaves a chain that is cut short. */
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return torc__tls_failure(
            &torc_error_invalid_argument, "cannot use %s as a chain of certificates in PEM", path);
    ERR_clear_error();
    return count > 0 ? NULL
        : torc_failure_new(&torc_error_invalid_argument, "%s has no certificate in PEM", path);
}

torc_failure *torc__tls_use_certificate(SSL_CTX *context, const char *certificate, const char *key)
{
    const char *key_file = key != NULL ? key : certificate;

    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return torc__tls_failure(
            &torc_error_invalid_argument, "cannot use %s as a certificate in PEM", certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        return torc__tls_failure(
            &torc_error_invalid_argument, "cannot use %s as a private key in PEM", key_file);
    if (SSL_CTX_check_private_key(context) != 1)
        return torc__tls_failure(&torc_error_invalid_argument,
            "the key in %s is not that of the certificate in %s", key_file, certificate);
    return NULL;
}

static torc_failure *use_own_certificates(torc_tls *tls)
{
    const torc_tls_options *options = &tls->options;
    torc_failure *failure = NULL;

    if (options->certificate != NULL)
        failure = torc__tls_use_certificate(tls->context, options->certificate, options->key);
    if (failure == NULL && options->chain != NULL)
        failure = use_chain(tls->context, options->chain);
    if (failure == NULL && options->certificates != NULL)
        failure = torc__tls_names_open(tls);
    return failure;
}

/* -- authorities --------------------------------------------------------------------------- */

/* What a client is told, so that it knows which of its certificates suits. */
static bool name_authorities(SSL_CTX *context, const char *path)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);

    SSL_CTX_set_client_CA_list(context, names);
    return names != NULL;
}

static torc_failure *use_authorities(torc_tls *tls)
{
    const char *path = tls->options.authorities;
    struct stat facts;
    bool is_folder;

    if (path == NULL) {
        if (!tls->is_server && SSL_CTX_set_default_verify_paths(tls->context) != 1)
            return torc__tls_failure(
                &torc_error_invalid_argument, "cannot read the system's certificate authorities");
        return NULL;
    }
    is_folder = stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
    if (SSL_CTX_load_verify_locations(
            tls->context, is_folder ? NULL : path, is_folder ? path : NULL) != 1
        || (tls->is_server && !is_folder && !name_authorities(tls->context, path)))
        return torc__tls_failure(
            &torc_error_invalid_argument, "cannot use %s as certificate authorities", path);
    return NULL;
}

/* SHA-256 of a certificate's public key as it is encoded in there (RFC 7469 2.4). */
static bool digest_key(const X509 *certificate, unsigned char digest[EVP_MAX_MD_SIZE])
{
    unsigned char *encoded = NULL;
    unsigned length = 0;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
    bool done = size > 0
        && EVP_Digest(encoded, (size_t)size, digest, &length, EVP_sha256(), NULL) == 1
        && length == TORC__TLS_PIN_SIZE;

    OPENSSL_free(encoded);
    return done;
}

static bool is_pinned(const torc_tls *tls, X509_STORE_CTX *store)
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    return digest_key(X509_STORE_CTX_get0_cert(store), digest)
        && memcmp(digest, tls->pin, TORC__TLS_PIN_SIZE) == 0;
}

bool torc_tls_pin(const torc_tls *tls, char ret_text[TORC_TLS_PIN_MAX])
{
    const X509 *certificate = SSL_CTX_get0_certificate(tls->context);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char text[TORC_TLS_PIN_MAX];

    ret_text[0] = '\0';
    if (certificate == NULL || !digest_key(certificate, digest))
        return false;
    (void)EVP_EncodeBlock(text, digest, TORC__TLS_PIN_SIZE);
    snprintf(ret_text, TORC_TLS_PIN_MAX, "sha256/%.44s", (const char *)text);
    return true;
}

/* Called for each certificate of the chain, and each thing that is wrong with one. */
static int verify(int is_good, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const torc_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (!is_good && tls->options.without_authorities)
        is_good = 1;
    if (is_good && tls->has_pin && X509_STORE_CTX_get_error_depth(store) == 0
        && !is_pinned(tls, store)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    return is_good;
}

static int verify_mode(const torc_tls *tls)
{
    if (!tls->is_server)
        return SSL_VERIFY_PEER;
    switch (tls->options.clients) {
    case TORC_TLS_CLIENTS_REQUEST:
        return SSL_VERIFY_PEER;
    case TORC_TLS_CLIENTS_REQUIRE:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    default:
        return SSL_VERIFY_NONE;
    }
}

/* "sha256/" and 44 letters of base 64. */
static torc_failure *read_pin(torc_tls *tls)
{
    const char *text = tls->options.pin;
    unsigned char decoded[TORC__TLS_PIN_SIZE + 2];

    if (text == NULL)
        return NULL;
    if (strncmp(text, "sha256/", 7) != 0 || strlen(text) != 7 + 44
        || EVP_DecodeBlock(decoded, (const unsigned char *)text + 7, 44) < TORC__TLS_PIN_SIZE) {
        ERR_clear_error();
        return torc_failure_new(&torc_error_invalid_argument,
            "'%s' is no pin: write sha256/ and the digest of the public key in base 64", text);
    }
    memcpy(tls->pin, decoded, TORC__TLS_PIN_SIZE);
    tls->has_pin = true;
    return NULL;
}

/* -- protocols (ALPN) ---------------------------------------------------------------------- */

/* "h2,http/1.1" as the wire wants it: each with its length before it. */
static torc_failure *read_alpn(torc_tls *tls)
{
    torc_slice rest = torc_slice_of(tls->options.alpn);
    unsigned char *to;

    if (rest.length == 0)
        return NULL;
    tls->alpn = OPENSSL_malloc(rest.length + 1);
    if (tls->alpn == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "out of memory");
    to = tls->alpn;
    while (rest.length > 0) {
        torc_slice name = torc_slice_first(rest, torc_slice_find_byte(rest, ','));

        rest = torc_slice_skip(rest, name.length + 1);
        if (name.length == 0 || name.length > 255)
            return torc_failure_new(&torc_error_invalid_argument,
                "'%s' is no list of protocols: write h2,http/1.1", tls->options.alpn);
        *to++ = (unsigned char)name.length;
        memcpy(to, name.data, name.length);
        to += name.length;
    }
    tls->alpn_length = (unsigned)(to - tls->alpn);
    return NULL;
}

/* The first of ours that the client has; none: RFC 7301 3.2 wants the handshake to fail. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length,
    const unsigned char *offered, unsigned offered_length, void *argument)
{
    const torc_tls *tls = argument;

    (void)ssl;
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)chosen, length, tls->alpn,
            tls->alpn_length, offered, offered_length) == OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* -- further features ---------------------------------------------------------------------- */

static int staple(SSL *ssl, void *argument)
{
    const torc_tls *tls = argument;
    torc_slice response = torc_buffer_slice(tls->ocsp);
    unsigned char *copy = OPENSSL_memdup(response.data, response.length);

    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)response.length);
    return SSL_TLSEXT_ERR_OK;
}

static torc_failure *read_ocsp(torc_tls *tls)
{
    char response[16384];
    FILE *file;
    size_t length;

    if (tls->options.ocsp == NULL)
        return NULL;
    file = fopen(tls->options.ocsp, "re");
    length = file != NULL ? fread(response, 1, sizeof response, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    if (length == 0 || length == sizeof response)
        return torc_failure_new(&torc_error_invalid_argument,
            "%s is no OCSP response: it cannot be read, is empty or too large", tls->options.ocsp);
    tls->ocsp = torc_buffer_copy(torc_slice_make(response, length));
    return tls->ocsp != NULL ? NULL : torc_failure_new(&torc_error_out_of_memory, "out of memory");
}

static void log_key(const SSL *ssl, const char *line)
{
    const torc_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int file = open(tls->options.key_log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (file < 0)
        return;
    (void)dprintf(file, "%s\n", line);
    (void)close(file);
}

/* -- putting it together ------------------------------------------------------------------- */

static torc_failure *set_versions_and_ciphers(torc_tls *tls)
{
    const torc_tls_options *options = &tls->options;
    const char *standard = options->find_psk != NULL ? PSK_CIPHERS : CIPHERS;
    const char *ciphers = options->ciphers != NULL ? options->ciphers : standard;
    SSL_CTX *context = tls->context;

    SSL_CTX_set_min_proto_version(context, options->only_tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1)
        return torc__tls_failure(
            &torc_error_invalid_argument, "'%s' is no list of ciphers of OpenSSL", ciphers);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
        | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* An idle connection keeps no buffers; what moved meanwhile may be written from elsewhere. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return NULL;
}

/* A server has given a client something to go on with. 1: it is kept. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    torc_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const torc__tls_session *self = SSL_get_app_data(ssl);

    return self->name != NULL && torc__tls_sessions_add(&tls->sessions, self->name, session);
}

/*
 * A session goes on only at a server of the same options: else who was let in by one that asks for
 * no certificate could go on at one that requires it, because all share the keys of tickets.
 */
static bool name_sessions(torc_tls *tls)
{
    const torc_tls_options *options = &tls->options;
    const char *const parts[] = { options->certificate, options->certificates,
        options->authorities, options->alpn, options->ciphers };
    const unsigned numbers[] = { (unsigned)options->clients, options->only_tls_1_3,
        options->clients != TORC_TLS_CLIENTS_ANONYMOUS ? tls->generation : 0,
        tls->is_self_signed, options->find_psk != NULL };
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned length = 0;
    bool done = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1
        && EVP_DigestUpdate(hash, numbers, sizeof numbers) == 1;

    for (size_t i = 0; done && i < sizeof parts / sizeof parts[0]; i++) {
        const char *part = parts[i] != NULL ? parts[i] : "";

        done = EVP_DigestUpdate(hash, part, strlen(part) + 1) == 1;
    }
    done = done && EVP_DigestFinal_ex(hash, digest, &length) == 1
        && SSL_CTX_set_session_id_context(tls->context, digest, length) == 1;
    EVP_MD_CTX_free(hash);
    return done;
}

static bool set_sessions(torc_tls *tls)
{
    SSL_CTX *context = tls->context;

    if (!tls->is_server) {
        SSL_CTX_set_session_cache_mode(context, tls->options.no_resumption ? SSL_SESS_CACHE_OFF
            : SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
        return true;
    }
    /* Tickets leave the state with the client, so that nothing grows here. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (tls->options.no_tickets) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    } else {
        torc__tls_tickets_use(context);
    }
    return name_sessions(tls);
}

/* False when memory is out. */
static bool set_callbacks(torc_tls *tls)
{
    SSL_CTX *context = tls->context;

    if (SSL_CTX_set_app_data(context, tls) != 1)
        return false;
    SSL_CTX_set_verify(context, verify_mode(tls), verify);
    if (tls->alpn != NULL && tls->is_server)
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, tls);
    else if (tls->alpn != NULL && SSL_CTX_set_alpn_protos(context, tls->alpn, tls->alpn_length) != 0)
        return false;
    if (tls->ocsp != NULL) {
        SSL_CTX_set_tlsext_status_cb(context, staple);
        SSL_CTX_set_tlsext_status_arg(context, tls);
    }
    if (tls->options.find_psk != NULL)
        torc__tls_psk_use(tls);
    if (tls->options.key_log != NULL)
        SSL_CTX_set_keylog_callback(context, log_key);
    return true;
}

torc_failure *torc__tls_context_open(torc_tls *tls)
{
    torc_failure *failure;

    ERR_clear_error();
    tls->context = SSL_CTX_new(tls->is_server ? TLS_server_method() : TLS_client_method());
    if (tls->context == NULL)
        return torc__tls_failure(&torc_error_out_of_memory, "cannot use TLS");
    failure = set_versions_and_ciphers(tls);
    if (failure == NULL)
        failure = read_pin(tls);
    if (failure == NULL)
        failure = read_alpn(tls);
    if (failure == NULL)
        failure = read_ocsp(tls);
    if (failure == NULL)
        failure = use_own_certificates(tls);
    if (failure == NULL)
        failure = use_authorities(tls);
    if (failure != NULL)
        return failure;
    if (!set_sessions(tls) || !set_callbacks(tls))
        return torc__tls_failure(&torc_error_out_of_memory, "cannot use TLS");
    return NULL;
}

/* -- sessions ------------------------------------------------------------------------------ */

/* The peer must be `name`: a DNS name, which is also sent as SNI, or an address (RFC 6066 3). */
static bool expect_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1)
        return true;
    ERR_clear_error();
    /* The common name has not been one of a host for long (RFC 9525 2). */
    X509_VERIFY_PARAM_set_hostflags(
        parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1
        && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static void go_on_with_session(torc_tls *tls, SSL *ssl, const char *name)
{
    SSL_SESSION *session = torc__tls_sessions_take(&tls->sessions, name);

    if (session != NULL)
        (void)SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
}

/* After torc_tls_reload_all. */
static void read_anew(torc_tls *tls)
{
    torc_failure *failure = torc_tls_reload(tls);

    if (failure != NULL)
        torc_log_error("TLS goes on with the certificates of before: %s",
            torc_failure_text(failure));
    torc_failure_release(failure);
}

SSL *torc__tls_session_new(torc_tls *tls, const char *name)
{
    SSL *ssl;

    if (tls->generation != torc__tls_generation())
        read_anew(tls);
    ssl = SSL_new(tls->context);
    if (ssl == NULL)
        return NULL;
    if (tls->is_server) {
        SSL_set_accept_state(ssl);
        return ssl;
    }
    SSL_set_connect_state(ssl);
    if (name != NULL && !tls->options.no_resumption)
        go_on_with_session(tls, ssl, name);
    if (name == NULL || expect_name(ssl, name))
        return ssl;
    SSL_free(ssl);
    return NULL;
}
