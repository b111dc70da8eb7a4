/*
 * url: http and https URLs for clients, taken apart and put together (RFC 3986, RFC 9110 4.2).
 *
 * What is not allowed in a URL is refused, not repaired; user names in URLs are refused too, because
 * they serve to deceive (RFC 9110 4.2.4).
 */
#ifndef TORC_WEB_URL_H
#define TORC_WEB_URL_H

#include <torc/slice.h>

#define TORC__URL_MAX 8192

typedef struct torc__url {
    torc_slice host;      /* a name, an IPv4 address, or an IPv6 address in brackets */
    torc_slice authority; /* host, or host:port as it was written: for the field Host */
    uint16_t port;        /* 80, or 443 of https, where none was written */
    bool secure;          /* https */
    torc_slice target;    /* path and query; empty stands for "/" */
} torc__url;

/* NULL, or what is wrong with it: a phrase that follows the URL and a colon. Slices are of `text`. */
const char *torc__url_parse(torc_slice text, torc__url *ret_url);

/*
 * Where `reference` leads from `base` (RFC 3986 5.2, without its fragment), with a NUL. False when
 * that is longer than TORC__URL_MAX, or leads to another scheme than http and https.
 */
bool torc__url_resolve(
    const torc__url *base, torc_slice reference, char ret_text[TORC__URL_MAX + 1]);

/* Whether scheme, host and port are the same: whether what is meant for one is the other's too. */
bool torc__url_same_origin(const torc__url *one, const torc__url *other);

#endif /* TORC_WEB_URL_H */
