/*
 * tls: TLS 1.2 and 1.3 on anything that carries bytes. A component of its own: link torc::tls
 * (pkg-config torc-tls); it is built on OpenSSL 3.
 *
 * A torc_tls is a configuration: certificates, what is asked of peers, which protocols are offered.
 * Connections that use it hold it. Most programs never see one, and only name it in an endpoint:
 *
 *     torc_tls_use();                                                  // once, at the start
 *     torc_listen(root, "tls:443:certificate=site.pem", factory);      // key in the same file
 *     torc_connect(root, "tls:example.org:443", factory);
 *
 * A protocol knows nothing of it: connection_made comes when the handshake is done, and a handshake
 * that fails is a failed connect, or a line in the log of who listens. A protocol that begins in
 * clear, and agrees with its peer to go on in TLS (SMTP, IMAP, FTP), calls torc_start_tls.
 *
 * Secure by default. Never less than TLS 1.2. A client checks the chain and the name, against the
 * system's authorities. Renegotiation and compression are off. An end without close_notify is
 * torc_error_connection_lost and not connection_done, so that an answer that was cut short is not
 * taken for the whole.
 */
#ifndef TORC_TLS_H
#define TORC_TLS_H

#include <torc/buffer.h>
#include <torc/deferred.h>
#include <torc/protocol.h>

TORC_BEGIN_DECLS

typedef struct torc_tls torc_tls;

/*
 * Makes the endpoints "tls" and "ssl" known; from the main thread, before others run. A second call
 * is a no-op.
 *
 * Listening:
 *     tls:443:certificate=site.pem           PEM: the certificate, then its chain; and the key
 *     tls:443:certificate=a.pem:key=a.key    the key apart
 *     tls:443:certificates=/etc/site.d       each *.pem of a directory; the client's server name
 *                                            chooses, the first by name is for all others
 *     ssl:443:privateKey=a.key:certKey=a.pem:extraCertChain=chain.pem     as Twisted writes it
 *     …:interface=127.0.0.1:backlog=500      as of tcp
 *     …:endpoint=unix\:/run/app.sock         on anything that listens, in the port's place
 *     …:authorities=ca.pem:client=require    client certificates: request or require
 *     …:alpn=h2,http/1.1                     protocols, the best first
 *     …:timeout=10                           of the handshake, in seconds; 30 by default
 *     …:minimum=1.3                          no TLS 1.2
 *     …:ocsp=site.ocsp                       the OCSP response to staple, DER
 *     …:keyLog=keys.log                      for debugging: see torc_tls_options
 *     tls:8443:selfSigned=localhost          for development: see torc_tls_self_signed
 * Connecting:
 *     tls:example.org:443                    checks that the certificate is for that name
 *     tls:192.0.2.1:443:name=example.org     another name than the one that is connected to
 *     …:authorities=ca.pem                   instead of the system's
 *     …:certificate=me.pem:key=me.key        for servers that ask
 *     …:alpn=h2,http/1.1
 *     …:pin=sha256/BASE64                    only this public key (RFC 7469 2.4), of the end entity
 *     …:authorities=none                     with a pin: nothing else but that counts
 *     …:minimum=1.3
 *     …:timeout=10:bindAddress=192.0.2.7     as of tcp; the time is for connecting and handshake
 *     …:keyLog=keys.log
 *     …:endpoint=unix\:/run/app.sock         through anything that connects
 *
 * Who connects again goes on with the session of before, where the server lets it; and the same
 * arguments are read from files once an hour, or when the files have changed.
 */
TORC_API void torc_tls_use(void);

/* -- configurations ------------------------------------------------------------------------ */

/* One is used in one reactor's thread; holding and releasing it is safe in any. */

typedef enum torc_tls_clients {
    TORC_TLS_CLIENTS_ANONYMOUS = 0, /* no certificate is asked for */
    TORC_TLS_CLIENTS_REQUEST,       /* one that is sent must be valid */
    TORC_TLS_CLIENTS_REQUIRE,       /* without a valid one the handshake fails */
} torc_tls_clients;

#define TORC_TLS_IDENTITY_MAX 128
#define TORC_TLS_KEY_MAX      64

/*
 * Finds a key that both sides were given beforehand (RFC 4279, RFC 9257). At a server `identity`
 * holds what the client calls itself; at a client it is to be filled in. Gives the key's length; 0:
 * there is none, and the handshake goes by certificates or fails. 16 random bytes are the least:
 * a password is no such key.
 */
typedef size_t torc_tls_psk(
    void *context, char identity[TORC_TLS_IDENTITY_MAX], unsigned char key[TORC_TLS_KEY_MAX]);

/* All are copied. A field of 0 or NULL stands for its default. */
typedef struct torc_tls_options {
    const char *certificate;  /* PEM file: the certificate and its chain; servers need one, but for
                                 those that have find_psk */
    const char *key;          /* PEM file; NULL: it stands in `certificate` */
    const char *chain;        /* PEM file of further certificates of the chain */
    const char *certificates; /* servers: a directory, each *.pem of which has both */
    const char *authorities;  /* PEM file, or a directory of hashed names; NULL: the system's */
    const char *alpn;         /* "h2,http/1.1": the best first; NULL: not negotiated */
    const char *ciphers;      /* of TLS 1.2, in OpenSSL's words; NULL: forward secret AEAD only */
    const char *pin;          /* clients: "sha256/BASE64" of the peer's public key */
    const char *ocsp;         /* servers: a file with the OCSP response to staple, DER */
    const char *key_log;      /* file that keys are appended to, so that Wireshark and the like read
                                 what was recorded: for debugging only; NULL: none */
    torc_tls_psk *find_psk;   /* called with psk_context in the reactor's thread; or NULL */
    void *psk_context;
    torc_time handshake_limit; /* of torc_start_tls; 0: 30 s */
    torc_tls_clients clients; /* servers */
    bool only_tls_1_3;
    bool no_tickets;          /* servers: no resumption */
    bool no_resumption;       /* clients: each handshake is a full one */
    bool without_authorities; /* clients: the chain and the name are not checked. With a pin this is
                                 safe; without one it is for tests only */
} torc_tls_options;

/*
 * A configuration to be a server or a client by. NULL, with *reterr_failure set (the caller
 * releases it), when a file cannot be read or does not fit: the message names it.
 */
TORC_API torc_tls *torc_tls_server_new(
    const torc_tls_options *options, torc_failure **reterr_failure);
TORC_API torc_tls *torc_tls_client_new(
    const torc_tls_options *options, torc_failure **reterr_failure);

TORC_API torc_tls *torc_tls_hold(torc_tls *tls);
TORC_API void torc_tls_release(torc_tls *tls);

/*
 * Reads the files anew. Connections that are open keep what they have. When a file does not fit,
 * all stays as it is, and the failure (the caller releases it) says why; else NULL.
 */
TORC_API torc_failure *torc_tls_reload(torc_tls *tls);

/*
 * Has each configuration of the process read its files anew before its next connection; those of
 * endpoints too. When files do not fit, the log says so and that configuration stays as it is. Safe
 * in any thread: made for whoever handles SIGHUP.
 */
TORC_API void torc_tls_reload_all(void);

/*
 * A server with a certificate for `name` (and localhost, 127.0.0.1, ::1) made on the spot and signed
 * by itself, for development. It stays the same until the process ends. NULL with *reterr_failure
 * set as above.
 */
TORC_API torc_tls *torc_tls_self_signed(const char *name, torc_failure **reterr_failure);

#define TORC_TLS_PIN_MAX 56

/*
 * "sha256/BASE64" of the configuration's own public key: what a client that knows it otherwise pins.
 * False, with an empty text, when it has no certificate.
 */
TORC_API bool torc_tls_pin(const torc_tls *tls, char ret_text[TORC_TLS_PIN_MAX]);

/* -- in the middle of a conversation -------------------------------------------------------- */

/*
 * Goes on in TLS on the connection of `protocol` (any protocol's struct). What was written before
 * leaves in clear; what is written after it waits for the handshake. What was received in clear and
 * not handed to the protocol yet is thrown away, so that nobody can slip commands in (CVE-2011-0411
 * and its kin). Fires with nothing when the handshake is done; when it fails, with the failure, and
 * the connection ends with the same.
 *
 * `name` is whom a client expects (checked and sent as SNI); NULL for servers. The handshake may take
 * as long as the configuration says; the deferred may be cancelled without effect on it.
 */
TORC_API torc_deferred *torc_start_tls(void *protocol, torc_tls *tls, const char *name);

/* -- facts of a connection ------------------------------------------------------------------ */

typedef struct torc_tls_info {
    const char *version;     /* "TLSv1.3" */
    const char *cipher;      /* "TLS_AES_256_GCM_SHA384" */
    torc_slice alpn;         /* what was agreed upon; empty: nothing */
    const char *server_name; /* what the client asked for by SNI; NULL: nothing */
    bool resumed;            /* a session of before goes on, without a new full handshake */
    bool verified;           /* the peer has shown a certificate, and it was found good */
} torc_tls_info;

/*
 * False when the transport has no TLS, or its handshake is not done. What it points to lives as
 * long as the connection.
 */
TORC_API bool torc_tls_of(const torc_transport *transport, torc_tls_info *ret_info);

/* The peer's certificate, DER, for the caller to release; NULL when it has shown none. */
TORC_API torc_buffer *torc_tls_peer_certificate(const torc_transport *transport);

/*
 * Who the peer's certificate is for, as text for logs and look-ups: its first DNS name, e-mail
 * address or URI, else its common name. False (and an empty text) when it has shown none.
 */
TORC_API bool torc_tls_peer_name(const torc_transport *transport, char *ret_text, size_t size);

/* -- failures ------------------------------------------------------------------------------ */

extern TORC_API const torc_failure_type torc_error_tls;             /* descends from torc_error_connect */
extern TORC_API const torc_failure_type torc_error_tls_certificate; /* ... the peer's: from tls */

TORC_END_DECLS

#endif /* TORC_TLS_H */
