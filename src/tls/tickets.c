/*
 * Sealing and opening tickets: AES-256-CBC and HMAC-SHA-256, as RFC 5077 4 recommends.
 */
#include "tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define KEY_LIFE TORC_HOUR
enum { KEYS = 3, NAME_SIZE = 16 };

typedef struct ticket_key {
    unsigned char name[NAME_SIZE];
    unsigned char cipher[32];
    unsigned char hash[32];
    torc_time made; /* 0: there is none */
} ticket_key;

/* The newest first. */
static ticket_key keys[KEYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static torc_time (*clock_now)(void) = torc_monotonic_now;

static void forget_old(torc_time now)
{
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].made != 0 && now - keys[i].made >= KEYS * KEY_LIFE)
            OPENSSL_cleanse(&keys[i], sizeof keys[i]);
}

/* The key to seal with now. False when there is no good randomness. */
static bool newest_key(ticket_key *ret_key)
{
    torc_time now = clock_now();
    ticket_key fresh;

    forget_old(now);
    if (keys[0].made == 0 || now - keys[0].made >= KEY_LIFE) {
        if (RAND_bytes(fresh.name, sizeof fresh.name) != 1
            || RAND_priv_bytes(fresh.cipher, sizeof fresh.cipher) != 1
            || RAND_priv_bytes(fresh.hash, sizeof fresh.hash) != 1)
            return false;
        fresh.made = now;
        memmove(keys + 1, keys, sizeof keys - sizeof keys[0]);
        keys[0] = fresh;
        OPENSSL_cleanse(&fresh, sizeof fresh);
    }
    *ret_key = keys[0];
    return true;
}

/* False when it is none of ours, or too old. */
static bool key_named(const unsigned char *name, ticket_key *ret_key, bool *ret_is_newest)
{
    torc_time now = clock_now();

    forget_old(now);
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].made != 0 && memcmp(keys[i].name, name, NAME_SIZE) == 0) {
            *ret_key = keys[i];
            *ret_is_newest = now - keys[i].made < KEY_LIFE;
            return true;
        }
    return false;
}

static bool set_hash(EVP_MAC_CTX *hash, ticket_key *key)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hash, sizeof key->hash),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(hash, parameters) == 1;
}

/* As OpenSSL wants it: 1 go on, 0 no ticket (sealing) or no such key (opening), 2 seal anew. */
static int seal(
    unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hash)
{
    ticket_key key;
    bool done;

    pthread_mutex_lock(&lock);
    done = newest_key(&key);
    pthread_mutex_unlock(&lock);
    if (!done)
        return 0;
    memcpy(name, key.name, NAME_SIZE);
    done = RAND_bytes(iv, 16) == 1
        && EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1
        && set_hash(hash, &key);
    OPENSSL_cleanse(&key, sizeof key);
    return done ? 1 : -1;
}

/* 2: the client gets a new one; in TLS 1.3 always, because there it uses each only once. */
static int open_ticket(SSL *ssl, const unsigned char *name, const unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hash)
{
    ticket_key key;
    bool is_newest = false;
    bool done;

    pthread_mutex_lock(&lock);
    done = key_named(name, &key, &is_newest);
    pthread_mutex_unlock(&lock);
    if (!done)
        return 0;
    done = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv) == 1
        && set_hash(hash, &key);
    OPENSSL_cleanse(&key, sizeof key);
    if (!done)
        return -1;
    return is_newest && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}

static int handle_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *hash, int sealing)
{
    return sealing ? seal(name, iv, cipher, hash) : open_ticket(ssl, name, iv, cipher, hash);
}

void torc__tls_tickets_set_clock(torc_time (*now)(void))
{
    pthread_mutex_lock(&lock);
    clock_now = now != NULL ? now : torc_monotonic_now;
    OPENSSL_cleanse(keys, sizeof keys);
    pthread_mutex_unlock(&lock);
}

void torc__tls_tickets_use(SSL_CTX *context)
{
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, handle_ticket);
}
