/*
 * dns_type: the types of records that are known by name, and what their data is made of.
 *
 * A type's data is described by a string, a letter for each field. The wire codec, the text codec
 * and the public view of records all go by it, so a type is added by a line in the table.
 *
 *     1 2 4      a number of so many bytes       l  one of six bytes
 *     T          seconds since 1970, written as a date      y  a type
 *     n          a name that may be compressed when it is written (RFC 3597 4)
 *     N          one that may not               o  one that may be missing at the end
 *     a A        an IPv4, an IPv6 address       x  the prefix length and suffix of A6
 *     s          a string behind its length     S  one or more of those, to the end
 *     g          as s, written without quotes   q  a string to the end
 *     h b        bytes to the end, written in hexadecimal, in base 64
 *     H 3        bytes behind their length, written in hexadecimal, in base 32
 *     B          bytes behind their length of two bytes, in base 64
 *     m          a bit map of types             w  one of services
 *     v          the parameters of SVCB
 *
 * No fields: the data is opaque, and written as RFC 3597 says.
 */
#ifndef TORC_NAMES_DNS_TYPE_H
#define TORC_NAMES_DNS_TYPE_H

#include <torc/names.h>

enum {
    TORC__DNS_OPT = 41,
    TORC__DNS_CLASS_IN = 1,
};

/* "" for types without fields, or unknown. */
const char *torc__dns_type_fields(uint16_t type);

/* "IN", or "CLASS123"; and back. */
const char *torc__dns_class_text(uint16_t number, char text[TORC_RECORD_TYPE_TEXT_MAX]);
bool torc__dns_class_parse(torc_slice text, uint16_t *ret_class);

/* Digits only, at least one, up to `maximum`. */
bool torc__dns_number_parse(torc_slice text, uint64_t maximum, uint64_t *ret_number);

#endif /* TORC_NAMES_DNS_TYPE_H */
