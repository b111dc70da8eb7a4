/*
 * A TLS session, from the bytes that a peer sends. The parser of handshakes is OpenSSL's; what is
 * ours must neither crash nor leak nor spin, whatever comes and however it is cut.
 *
 * The first byte: bits 0 to 2 choose the size of the pieces; with bit 7 a true handshake is done
 * first, and the bytes after it are commands of a client: 'd', data; 'k', a change of keys that
 * wants an answer; 'e', close_notify; 'r', records that are no records; 'p' and 'g', it stops and
 * goes on taking what comes; 'w', the server stops and goes on receiving.
 */
#include <torc.h>
#include <torc/tls.h>

#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { INPUT_MAX = 16 * 1024, TURNS_MAX = 5000 };

static torc_reactor *reactor;
static torc_tls *tls;
static SSL_CTX *context;
static torc_transport *peer;
static torc_transport *server;
static SSL *puppet; /* NULL: the bytes go over the wire as they are */
static BIO *to_puppet;
static BIO *from_puppet;

static void broken(const char *what)
{
    fprintf(stderr, "tls_server_fuzz: %s\n", what);
    abort();
}

static void server_made(torc_protocol *self)
{
    server = self->transport;
    torc_start_tls(self, tls, NULL);
}

static void server_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static void server_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)self;
    (void)reason;
    server = NULL;
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

static const torc_protocol_class server_class = {
    .name = "Server",
    .connection_made = server_made,
    .data_received = server_data,
    .connection_lost = server_lost,
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

static void begin(void)
{
    torc_failure *failure = NULL;

    torc_log_add_observer(TORC_LOG_DEBUG, be_silent, NULL);
    reactor = torc_reactor_new();
    tls = torc_tls_self_signed("localhost", &failure);
    context = SSL_CTX_new(TLS_client_method());
    if (tls == NULL || context == NULL)
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
    else if (command == 'w' && server != NULL && torc_reading_is_paused(server))
        torc_resume_reading(server);
    else if (command == 'w' && server != NULL)
        torc_pause_reading(server);
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
    puppet = SSL_new(context);
    to_puppet = BIO_new(BIO_s_mem());
    from_puppet = BIO_new(BIO_s_mem());
    if (puppet == NULL || to_puppet == NULL || from_puppet == NULL)
        broken("out of memory");
    SSL_set_bio(puppet, to_puppet, from_puppet);
    SSL_set_connect_state(puppet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return 0;
    if (reactor == NULL)
        begin();
    if (data[0] & 0x80)
        open_puppet();
    if (!torc_connect_in_memory(torc_root(reactor), torc_factory_of(&server_class),
            torc_factory_of(&peer_class)))
        broken("out of memory");
    turn(puppet != NULL ? 12 : 2);
    play(torc_slice_make(data + 1, size - 1), (size_t)1 << (data[0] & 7));
    if (server != NULL)
        torc_resume_reading(server);
    if (peer != NULL) {
        torc_resume_reading(peer);
        torc_lose_connection(peer);
    }
    for (unsigned turns = 0; (peer != NULL || server != NULL); turns++) {
        if (turns == TURNS_MAX)
            broken("the connection does not end");
        turn(1);
    }
    SSL_free(puppet);
    puppet = NULL;
    return 0;
}
