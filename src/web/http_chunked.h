/*
 * http_chunked: takes the framing off a body that is sent in chunks (RFC 9112 7.1).
 *
 * Nothing is copied or kept: data comes out as spans of the input. What the sender adds beside data
 * (extensions, trailer fields) is checked, bounded and dropped. The limit on the body's size is the
 * caller's: it sees each span.
 *
 *     while ((event = torc__http_chunked_next(&decoder, &input, &data)) == TORC__HTTP_CHUNKED_DATA)
 *         use(data);
 */
#ifndef TORC_WEB_HTTP_CHUNKED_H
#define TORC_WEB_HTTP_CHUNKED_H

#include <torc/slice.h>

#define TORC__HTTP_CHUNKED_MAX_DIGITS     16
#define TORC__HTTP_CHUNKED_MAX_EXTENSION  1024  /* of one chunk, in bytes */
#define TORC__HTTP_CHUNKED_MAX_EXTENSIONS 16384 /* of all chunks of a body */
#define TORC__HTTP_CHUNKED_MAX_TRAILER    8192

typedef enum torc__http_chunked_event {
    TORC__HTTP_CHUNKED_NEED_MORE, /* the input is used up */
    TORC__HTTP_CHUNKED_DATA,      /* *ret_data is part of the body; call again */
    TORC__HTTP_CHUNKED_DONE,      /* the body has ended; what is left of the input follows it */
    TORC__HTTP_CHUNKED_ERROR      /* answer 400 and close; each further call says so again */
} torc__http_chunked_event;

typedef struct torc__http_chunked {
    uint64_t remaining; /* of the chunk under way */
    uint32_t extensions;
    uint32_t trailer;
    uint16_t extension;
    uint8_t digits;
    uint8_t state;
} torc__http_chunked;

void torc__http_chunked_init(torc__http_chunked *decoder);

/* Takes what it uses off the front of *input. *ret_data is set (and not empty) with DATA only. */
torc__http_chunked_event torc__http_chunked_next(torc__http_chunked *decoder, torc_slice *input,
    torc_slice *ret_data);

#endif /* TORC_WEB_HTTP_CHUNKED_H */
