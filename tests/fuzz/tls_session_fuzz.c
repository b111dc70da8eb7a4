/*
 * A TLS session, from the bytes that a peer sends. The parser of handshakes is OpenSSL's; what is
 * ours must neither crash nor leak nor spin, whatever comes and however it is cut.
 *
 * The first byte: bits 0 to 2 choose the size of the pieces; with bit 6 we are the client, else the
 * server; with bit 7 a true handshake is done first, and the bytes after it are commands of the
 * peer: 'd', data; 'k', a change of keys that wants an answer; 'e', close_notify; 'r', records that
 * are no records; 'p' and 'g', it stops and goes on taking what comes; 'w', we stop and go on
 * receiving.
 */
#include <torc.h>
#include <torc/tls.h>

#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUT_MAX = 16 * 1024, TURNS_MAX = 5000 };

static torc_reactor *reactor;
static torc_tls *as_server;
static torc_tls *as_client;
static bool is_client;
static SSL_CTX *client_context; /* of the puppet */
static SSL_CTX *server_context;
static torc_transport *peer;
static torc_transport *ours;
static SSL *puppet; /* NULL: the bytes go over the wire as they are */
static BIO *to_puppet;
static BIO *from_puppet;

static void broken(const char *what)
{
    fprintf(stderr, "tls_session_fuzz: %s\n", what);
    abort();
}

static void our_side_made(torc_protocol *self)
{
    ours = self->transport;
    torc_start_tls(self, is_client ? as_client : as_server, is_client ? "localhost" : NULL);
}

static void our_side_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static void our_side_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    ours = NULL;
}

static void speak(void)
{
    char bytes[4096];
    int length;

    while (puppet != NULL && (length = BIO_read(from_puppet, bytes, sizeof bytes)) > 0)
        if (peer != NULL)
            torc_write(peer, torc_slice_make(bytes, (size_t)length));
}

static void peer_made(torc_protocol *self)
{
    peer = self->transport;
    if (puppet != NULL)
        SSL_do_handshake(puppet);
    speak();
}

static void peer_data(torc_protocol *self, torc_slice data)
{
    char bytes[4096];

    (void)self;
    if (puppet == NULL)
        return;
    BIO_write(to_puppet, data.data, (int)data.length);
    if (SSL_do_handshake(puppet) == 1)
        while (SSL_read(puppet, bytes, sizeof bytes) > 0)
            continue;
    speak();
}

static void peer_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    peer = NULL;
}

static const torc_protocol_class our_class = {
    .name = "Ours",
    .connection_made = our_side_made,
    .data_received = our_side_data,
    .connection_lost = our_side_lost,
};

static const torc_protocol_class peer_class = {
    .name = "Peer",
    .connection_made = peer_made,
    .data_received = peer_data,
    .connection_lost = peer_lost,
};

static void be_silent(void *argument, const torc_log_event *event)
{
    (void)argument;
    (void)event;
}

/* A certificate of the puppet's own, which our client takes unseen. */
static bool certify(SSL_CTX *context)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool good = key != NULL && certificate != NULL && X509_set_pubkey(certificate, key) == 1
        && X509_gmtime_adj(X509_getm_notBefore(certificate), -60) != NULL
        && X509_gmtime_adj(X509_getm_notAfter(certificate), 365L * 24 * 3600) != NULL
        && X509_sign(certificate, key, EVP_sha256()) > 0
        && SSL_CTX_use_certificate(context, certificate) == 1
        && SSL_CTX_use_PrivateKey(context, key) == 1;

    X509_free(certificate);
    EVP_PKEY_free(key);
    return good;
}

static void begin(void)
{
    torc_tls_options unchecked = { .without_authorities = true };
    torc_failure *failure = NULL;

    torc_log_add_observer(TORC_LOG_DEBUG, be_silent, NULL);
    reactor = torc_reactor_new();
    as_server = torc_tls_self_signed("localhost", &failure);
    as_client = torc_tls_client_new(&unchecked, &failure);
    client_context = SSL_CTX_new(TLS_client_method());
    server_context = SSL_CTX_new(TLS_server_method());
    if (as_server == NULL || as_client == NULL || client_context == NULL || server_context == NULL
        || !certify(server_context))
        broken("there is no TLS");
}

static void turn(unsigned turns)
{
    while (turns-- > 0)
        torc_iterate(reactor, 0);
}

static void obey(char command, torc_slice piece)
{
    if (command == 'd')
        SSL_write(puppet, piece.data, (int)piece.length);
    else if (command == 'k')
        SSL_key_update(puppet, SSL_KEY_UPDATE_REQUESTED);
    else if (command == 'e')
        SSL_shutdown(puppet);
    else if (command == 'r')
        torc_write(peer, piece);
    else if (command == 'p')
        torc_pause_reading(peer);
    else if (command == 'g')
        torc_resume_reading(peer);
    else if (command == 'w' && ours != NULL && torc_reading_is_paused(ours))
        torc_resume_reading(ours);
    else if (command == 'w' && ours != NULL)
        torc_pause_reading(ours);
    if (command == 'k')
        SSL_do_handshake(puppet);
    speak();
}

static void play(torc_slice input, size_t size)
{
    while (input.length > 0 && peer != NULL) {
        torc_slice piece = torc_slice_first(input, size);

        input = torc_slice_skip(input, piece.length);
        if (puppet == NULL)
            torc_write(peer, piece);
        else
            obey(piece.data[0], piece);
        turn(2);
    }
}

static void open_puppet(void)
{
    puppet = SSL_new(is_client ? server_context : client_context);
    to_puppet = BIO_new(BIO_s_mem());
    from_puppet = BIO_new(BIO_s_mem());
    if (puppet == NULL || to_puppet == NULL || from_puppet == NULL)
        broken("out of memory");
    SSL_set_bio(puppet, to_puppet, from_puppet);
    if (is_client)
        SSL_set_accept_state(puppet);
    else
        SSL_set_connect_state(puppet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return 0;
    if (reactor == NULL)
        begin();
    is_client = data[0] & 0x40;
    if (data[0] & 0x80)
        open_puppet();
    if (!torc_connect_in_memory(torc_root(reactor), torc_factory_of(&our_class),
            torc_factory_of(&peer_class)))
        broken("out of memory");
    turn(puppet != NULL ? 12 : 2);
    play(torc_slice_make(data + 1, size - 1), (size_t)1 << (data[0] & 7));
    if (ours != NULL)
        torc_resume_reading(ours);
    if (peer != NULL) {
        torc_resume_reading(peer);
        torc_lose_connection(peer);
    }
    for (unsigned turns = 0; (peer != NULL || ours != NULL); turns++) {
        if (turns == TURNS_MAX)
            broken("the connection does not end");
        turn(1);
    }
    SSL_free(puppet);
    puppet = NULL;
    return 0;
}
