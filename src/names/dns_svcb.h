/*
 * dns_svcb: the parameters of SVCB and HTTPS records (RFC 9460), on the wire and written.
 */
#ifndef TORC_NAMES_DNS_SVCB_H
#define TORC_NAMES_DNS_SVCB_H

#include "base/text_writer.h"
#include "names/dns_bytes.h"

/* The most parameters that a record may have here, and the most keys that one may list. */
enum { TORC__DNS_SVCB_PARAMETERS_MAX = 64 };

/* Keys in order and each once, values as their keys want them. */
bool torc__dns_svcb_is_valid(torc_slice parameters);

/* Each behind a space: " alpn=\"h2,h3\" port=\"8443\"". */
void torc__dns_svcb_text(torc_slice parameters, torc__text_writer *writer);

/*
 * A written parameter, "port=8443" or "alpn=\"h2,h3\"", with its value in wire form, which is
 * appended to `out` behind the key and the length.
 */
bool torc__dns_svcb_parse(torc_slice text, torc__dns_bytes *out);

/* Puts parameters that were parsed one after the other in order. False: one is there twice. */
bool torc__dns_svcb_sort(uint8_t *parameters, size_t length);

#endif /* TORC_NAMES_DNS_SVCB_H */
