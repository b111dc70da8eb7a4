/*
 * dns_record: a record as a value: its name, and its data with all names in it written out.
 *
 * The data is taken apart by its type's fields (dns_type.h), here and nowhere else. Data that does
 * not follow its type's fields exactly is refused; empty data is allowed for every type, because
 * dynamic updates are made of it.
 */
#ifndef TORC_NAMES_DNS_RECORD_H
#define TORC_NAMES_DNS_RECORD_H

#include "names/dns_bytes.h"
#include "names/dns_name.h"

enum { TORC__DNS_DATA_MAX = 65535 };

typedef struct torc__dns_record {
    torc_slice name; /* a name */
    uint16_t type;
    uint16_t record_class;
    uint32_t ttl;
    torc_slice data;
} torc__dns_record;

/* One field of a record's data. */
typedef struct torc__dns_field {
    char kind;        /* a letter of dns_type.h */
    torc_slice bytes; /* all of it, with what stands before it as its length */
} torc__dns_field;

typedef struct torc__dns_fields {
    const char *kinds; /* of what follows */
    torc_slice rest;
    bool malformed;
} torc__dns_fields;

void torc__dns_fields_begin(torc__dns_fields *walk, uint16_t type, torc_slice data);

/* The next field; false at the end, and where walk->malformed says that there is no sense in it. */
bool torc__dns_fields_next(torc__dns_fields *walk, torc__dns_field *ret_field);

/* Whether `data`, in which no name is compressed, is what its type wants. */
bool torc__dns_data_is_valid(uint16_t type, torc_slice data);

/*
 * The data of `type` at `offset` of a message, checked. Without names in it it is a part of the
 * message; else it is put together in `scratch`, which is cleared first. False: it is malformed.
 */
bool torc__dns_data_read(torc_slice message, size_t offset, size_t length, uint16_t type,
    torc__dns_bytes *scratch, torc_slice *ret_data);

#endif /* TORC_NAMES_DNS_RECORD_H */
