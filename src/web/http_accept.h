/*
 * http_accept: which content codings a client takes (RFC 9110 12.5.3).
 */
#ifndef TORC_WEB_HTTP_ACCEPT_H
#define TORC_WEB_HTTP_ACCEPT_H

#include <torc/slice.h>

/* Each quality in thousandths: 1000 is liked best, 0 is not taken. */
typedef struct torc__http_codings {
    uint16_t brotli;
    uint16_t gzip;
    uint16_t identity;
} torc__http_codings;

/*
 * From the value of Accept-Encoding. Without the field (NULL data), and where it cannot be read,
 * only identity is taken: a client that wants a coding says so.
 */
torc__http_codings torc__http_accept_codings(torc_slice value);

#endif /* TORC_WEB_HTTP_ACCEPT_H */
