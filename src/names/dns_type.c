/*
 * The table of types, and the names of types and classes.
 */
#include "names/dns_type.h"

#include <stdio.h>

typedef struct type_entry {
    uint16_t number;
    const char *name;
    const char *fields;
} type_entry;

static const type_entry types[] = {
    { 1, "A", "a" },
    { 2, "NS", "n" },
    { 3, "MD", "n" },
    { 4, "MF", "n" },
    { 5, "CNAME", "n" },
    { 6, "SOA", "nn44444" },
    { 7, "MB", "n" },
    { 8, "MG", "n" },
    { 9, "MR", "n" },
    { 10, "NULL", "" },
    { 11, "WKS", "a1w" },
    { 12, "PTR", "n" },
    { 13, "HINFO", "ss" },
    { 14, "MINFO", "nn" },
    { 15, "MX", "2n" },
    { 16, "TXT", "S" },
    { 17, "RP", "NN" },
    { 18, "AFSDB", "2N" },
    { 19, "X25", "s" },
    { 20, "ISDN", "S" },
    { 21, "RT", "2N" },
    { 24, "SIG", "y114TT2Nb" },
    { 25, "KEY", "211b" },
    { 26, "PX", "2NN" },
    { 28, "AAAA", "A" },
    { 33, "SRV", "222N" },
    { 35, "NAPTR", "22sssN" },
    { 36, "KX", "2N" },
    { 37, "CERT", "221b" },
    { 38, "A6", "xo" },
    { 39, "DNAME", "N" },
    { 41, "OPT", "" },
    { 43, "DS", "211h" },
    { 44, "SSHFP", "11h" },
    { 46, "RRSIG", "y114TT2Nb" },
    { 47, "NSEC", "Nm" },
    { 48, "DNSKEY", "211b" },
    { 49, "DHCID", "b" },
    { 50, "NSEC3", "112H3m" },
    { 51, "NSEC3PARAM", "112H" },
    { 52, "TLSA", "111h" },
    { 53, "SMIMEA", "111h" },
    { 59, "CDS", "211h" },
    { 60, "CDNSKEY", "211b" },
    { 61, "OPENPGPKEY", "b" },
    { 62, "CSYNC", "42m" },
    { 63, "ZONEMD", "411h" },
    { 64, "SVCB", "2Nv" },
    { 65, "HTTPS", "2Nv" },
    { 99, "SPF", "S" },
    { 249, "TKEY", "NTT22BB" },
    { 250, "TSIG", "Nl2B22B" },
    { 251, "IXFR", "" },
    { 252, "AXFR", "" },
    { 253, "MAILB", "" },
    { 254, "MAILA", "" },
    { 255, "ANY", "" },
    { 256, "URI", "22q" },
    { 257, "CAA", "1gq" },
    { 32769, "DLV", "211h" },
};

static const type_entry classes[] = {
    { 1, "IN", "" },
    { 2, "CS", "" },
    { 3, "CH", "" },
    { 4, "HS", "" },
    { 254, "NONE", "" },
    { 255, "ANY", "" },
};

enum {
    TYPES = sizeof types / sizeof types[0],
    CLASSES = sizeof classes / sizeof classes[0],
};

static const type_entry *find_type(uint16_t number)
{
    size_t low = 0;
    size_t high = TYPES;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (types[middle].number == number)
            return &types[middle];
        if (types[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *torc__dns_type_fields(uint16_t type)
{
    const type_entry *entry = find_type(type);

    return entry != NULL ? entry->fields : "";
}

const char *torc_record_type_text(uint16_t type, char text[TORC_RECORD_TYPE_TEXT_MAX])
{
    const type_entry *entry = find_type(type);

    if (entry != NULL)
        snprintf(text, TORC_RECORD_TYPE_TEXT_MAX, "%s", entry->name);
    else
        snprintf(text, TORC_RECORD_TYPE_TEXT_MAX, "TYPE%u", type);
    return text;
}

const char *torc__dns_class_text(uint16_t number, char text[TORC_RECORD_TYPE_TEXT_MAX])
{
    snprintf(text, TORC_RECORD_TYPE_TEXT_MAX, "CLASS%u", number);
    for (size_t i = 0; i < CLASSES; i++)
        if (classes[i].number == number)
            snprintf(text, TORC_RECORD_TYPE_TEXT_MAX, "%s", classes[i].name);
    return text;
}

bool torc__dns_number_parse(torc_slice text, uint64_t maximum, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
        if (number > maximum)
            return false;
    }
    *ret_number = number;
    return text.length > 0;
}

static bool find_name(const type_entry *table, size_t count, torc_slice prefix, torc_slice text,
    uint16_t *ret_number)
{
    uint64_t number;

    for (size_t i = 0; i < count; i++)
        if (torc_slice_equal_ignoring_case(text, torc_slice_of(table[i].name))) {
            *ret_number = table[i].number;
            return true;
        }
    if (!torc_slice_equal_ignoring_case(torc_slice_first(text, prefix.length), prefix)
        || !torc__dns_number_parse(torc_slice_skip(text, prefix.length), UINT16_MAX, &number))
        return false;
    *ret_number = (uint16_t)number;
    return true;
}

bool torc_record_type_parse(torc_slice text, uint16_t *ret_type)
{
    return find_name(types, TYPES, TORC_SLICE("TYPE"), text, ret_type);
}

bool torc__dns_class_parse(torc_slice text, uint16_t *ret_class)
{
    return find_name(classes, CLASSES, TORC_SLICE("CLASS"), text, ret_class);
}
