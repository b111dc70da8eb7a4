/*
 * description: an endpoint's line of text, taken apart: "tcp:80:interface=127.0.0.1" is the kind
 * "tcp" with the parts "80" and interface = "127.0.0.1". Pure: it knows neither the kinds nor
 * their arguments (endpoint.h does) and does no I/O.
 *
 *     kind[:part]...      part = value | name=value
 *
 * '\' takes the byte after it as it is. A value that begins with '[' reaches at least to the ']',
 * so that the colons of an IPv6 address need no escape there: tcp6:[::1]:80. Only the first '=' of
 * a part divides.
 */
#ifndef TORC_ENDPOINT_DESCRIPTION_H
#define TORC_ENDPOINT_DESCRIPTION_H

#include <torc/slice.h>

#define TORC__DESCRIPTION_LENGTH_MAX 1024
#define TORC__DESCRIPTION_PARTS_MAX  16

typedef struct torc__description_part {
    torc_slice name; /* empty: a value in its place */
    torc_slice value;
} torc__description_part;

/* All slices point into `storage` and are followed by a NUL: not to be copied by assignment. */
typedef struct torc__description {
    torc_slice kind;
    size_t count;
    torc__description_part parts[TORC__DESCRIPTION_PARTS_MAX];
    char storage[TORC__DESCRIPTION_LENGTH_MAX + 1];
} torc__description;

/* NULL, or what is wrong and what to write instead: a constant that follows "TEXT: ". */
const char *torc__description_parse(torc_slice text, torc__description *ret_description);

#endif /* TORC_ENDPOINT_DESCRIPTION_H */
