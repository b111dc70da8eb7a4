/*
 * dns_name: names of the DNS, as they travel and as they are written.
 *
 * A name in memory is its wire form without compression: labels, each behind a byte with its
 * length, up to the empty label of the root. A torc_slice that is said to be a name is always a
 * whole and valid one. Upper and lower case are kept, and count as the same.
 *
 * Everything here works on bytes that a stranger may have sent: lengths are checked before they are
 * used, and a compression pointer must point before the labels that it ends, so that reading a
 * name comes to an end.
 */
#ifndef TORC_NAMES_DNS_NAME_H
#define TORC_NAMES_DNS_NAME_H

#include <torc/names.h>

enum {
    TORC__DNS_NAME_MAX = 255,
    TORC__DNS_LABEL_MAX = 63,
    TORC__DNS_HEADER_SIZE = 12,
};

typedef struct torc__dns_name {
    uint8_t length; /* of `wire`; at least 1 */
    uint8_t wire[TORC__DNS_NAME_MAX];
} torc__dns_name;

static inline torc_slice torc__dns_name_slice(const torc__dns_name *name)
{
    return torc_slice_make(name->wire, name->length);
}

/* Copies a name. */
void torc__dns_name_set(torc__dns_name *name, torc_slice from);

/*
 * Reads the name at *offset of a message, following pointers; *offset then stands behind what of
 * it is there. False, with *offset undefined, for what is none.
 */
bool torc__dns_name_read(torc_slice message, size_t *offset, torc__dns_name *ret_name);

/* The length of the uncompressed name at the front of `bytes`; 0 where there is none. */
size_t torc__dns_name_measure(torc_slice bytes);

/*
 * Reads a name as it is written: "www.example.org", "." for the root; "\." and "\046" for bytes
 * that mean something else bare. Where it does not end in a dot, `origin` (a name, or empty for
 * the root) is appended. False for what is no name.
 */
bool torc__dns_name_parse(torc_slice text, torc_slice origin, torc__dns_name *ret_name);

/* Writes a name with its last dot, and a NUL. Gives the length without the NUL. */
size_t torc__dns_name_text(torc_slice name, char text[TORC_NAME_TEXT_MAX]);

/* Without the last dot, but "." for the root: as users see names. */
size_t torc__dns_name_plain_text(torc_slice name, char text[TORC_NAME_TEXT_MAX]);

bool torc__dns_name_equal(torc_slice a, torc_slice b);

/* Turns ASCII letters to lower case, in place; lengths of labels are below them. */
void torc__dns_name_lower(torc__dns_name *name);

/* Whether `name` is `parent` or below it. */
bool torc__dns_name_is_within(torc_slice name, torc_slice parent);

/* The labels without the root's. */
size_t torc__dns_name_labels(torc_slice name);

#endif /* TORC_NAMES_DNS_NAME_H */
