/*
 * The table of names: sorted, each with the context that has its certificate. A wildcard stands in
 * it as it is written, "*.example.org", and is looked for after the name itself (RFC 6125 6.4.3).
 */
#include "tls/names.h"

#include "base/memory.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef struct named {
    char *name;
    SSL_CTX *context; /* held */
} named;

struct torc__tls_names {
    named *table;
    size_t count;
    size_t capacity;
};

void torc__tls_names_free(torc__tls_names *names)
{
    if (names == NULL)
        return;
    for (size_t i = 0; i < names->count; i++) {
        torc__free(names->table[i].name);
        SSL_CTX_free(names->table[i].context);
    }
    torc__free(names->table);
    torc__free(names);
}

static bool has_room(torc__tls_names *names)
{
    size_t capacity = names->capacity > 0 ? names->capacity * 2 : 64;
    named *larger;

    if (names->count < names->capacity)
        return true;
    if (names->count >= TORC__TLS_NAMES_MAX)
        return false;
    larger = torc__reallocate(names->table, capacity * sizeof *larger);
    if (larger == NULL)
        return false;
    names->table = larger;
    names->capacity = capacity;
    return true;
}

static bool add_name(torc__tls_names *names, torc_slice name, SSL_CTX *context)
{
    char *copy;

    /* A NUL in a name serves to deceive: such a name is for nobody. */
    if (name.length == 0 || memchr(name.data, '\0', name.length) != NULL)
        return true;
    if (!has_room(names))
        return false;
    copy = torc__allocate(name.length + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name.data, name.length);
    copy[name.length] = '\0';
    SSL_CTX_up_ref(context);
    names->table[names->count++] = (named){ copy, context };
    return true;
}

static bool add_names_of(torc__tls_names *names, SSL_CTX *context)
{
    X509 *certificate = SSL_CTX_get0_certificate(context);
    int place = 0;
    GENERAL_NAMES *alternatives =
        X509_get_ext_d2i(certificate, NID_subject_alt_name, &place, NULL);
    bool added = alternatives != NULL || place == -1; /* -1: it has none */

    for (int i = 0; added && i < sk_GENERAL_NAME_num(alternatives); i++) {
        const GENERAL_NAME *each = sk_GENERAL_NAME_value(alternatives, i);

        if (each->type == GEN_DNS)
            added = add_name(names, torc_slice_make(ASN1_STRING_get0_data(each->d.dNSName),
                (size_t)ASN1_STRING_length(each->d.dNSName)), context);
    }
    GENERAL_NAMES_free(alternatives);
    return added;
}

static torc_failure *add_file(torc_tls *tls, const char *path, bool is_first)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    torc_failure *failure;

    if (context == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "out of memory");
    failure = torc__tls_use_certificate(context, path, NULL);
    if (failure == NULL && is_first && tls->options.certificate == NULL)
        failure = torc__tls_use_certificate(tls->context, path, NULL);
    if (failure == NULL && !add_names_of(tls->names, context))
        failure = torc_failure_new(&torc_error_limit,
            "%s: out of memory, or the certificates have too many names", path);
    SSL_CTX_free(context);
    return failure;
}

static int is_pem(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return entry->d_name[0] != '.' && length > 4
        && strcmp(entry->d_name + length - 4, ".pem") == 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcasecmp(((const named *)a)->name, ((const named *)b)->name);
}

static torc_failure *add_files(torc_tls *tls)
{
    const char *folder = tls->options.certificates;
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_pem, alphasort);
    torc_failure *failure = NULL;

    if (count <= 0)
        failure = torc_failure_new(
            &torc_error_invalid_argument, "the directory %s has no certificate NAME.pem", folder);
    else if (count > TORC__TLS_CERTIFICATES_MAX)
        failure = torc_failure_new(&torc_error_limit, "the directory %s has more than %d certificates",
            folder, TORC__TLS_CERTIFICATES_MAX);
    for (int i = 0; i < count; i++) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (failure == NULL)
            failure = add_file(tls, path, i == 0);
        free(entries[i]);
    }
    free(entries);
    return failure;
}

static SSL_CTX *find(const torc__tls_names *names, const char *name)
{
    named wanted = { (char *)(uintptr_t)name, NULL };
    const named *found =
        bsearch(&wanted, names->table, names->count, sizeof wanted, compare_names);

    return found != NULL ? found->context : NULL;
}

static STACK_OF(X509) *chain_of(SSL_CTX *context)
{
    STACK_OF(X509) *chain = NULL;

    (void)SSL_CTX_get0_chain_certs(context, &chain);
    return chain;
}

static int choose(SSL *ssl, int *alert, void *argument)
{
    const torc_tls *tls = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const char *dot = name != NULL ? strchr(name, '.') : NULL;
    SSL_CTX *context = name != NULL ? find(tls->names, name) : NULL;
    char wildcard[256];

    (void)alert;
    if (context == NULL && dot != NULL && strlen(dot) < sizeof wildcard - 1) {
        snprintf(wildcard, sizeof wildcard, "*%s", dot);
        context = find(tls->names, wildcard);
    }
    if (context == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    /* Only the certificate is taken over: all else stays that of the configuration. */
    if (SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(context),
            SSL_CTX_get0_privatekey(context), chain_of(context), 1) != 1) {
        ERR_clear_error();
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}

torc_failure *torc__tls_names_open(torc_tls *tls)
{
    torc_failure *failure;

    tls->names = torc__allocate_zeroed(sizeof *tls->names);
    if (tls->names == NULL)
        return torc_failure_new(&torc_error_out_of_memory, "out of memory");
    failure = add_files(tls);
    if (failure != NULL)
        return failure;
    qsort(tls->names->table, tls->names->count, sizeof tls->names->table[0], compare_names);
    SSL_CTX_set_tlsext_servername_callback(tls->context, choose);
    SSL_CTX_set_tlsext_servername_arg(tls->context, tls);
    return NULL;
}
