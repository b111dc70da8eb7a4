/*
 * resolv_conf: what /etc/resolv.conf says (resolv.conf(5)), as a value.
 */
#ifndef TORC_NAMES_RESOLV_CONF_H
#define TORC_NAMES_RESOLV_CONF_H

#include <torc/names.h>

#include "names/dns_name.h"

enum {
    TORC__SERVERS_MAX = 8,
    TORC__SEARCHES_MAX = 16,
    TORC__RESOLV_CONF_MAX = 64 * 1024,
};

typedef struct torc__resolv_conf {
    size_t server_count; /* never 0: without any it is this machine */
    torc_address servers[TORC__SERVERS_MAX];
    size_t search_count;
    torc__dns_name searches[TORC__SEARCHES_MAX];
    unsigned int ndots;    /* a name with so many dots is tried as it is first */
    torc_time timeout;     /* of an attempt */
    unsigned int attempts; /* with each server */
    bool rotate;
    bool only_streams;     /* use-vc */
    bool no_ipv6;          /* no-aaaa */
} torc__resolv_conf;

/* What no sense can be made of is skipped; numbers are kept within the bounds of resolv.conf(5). */
void torc__resolv_conf_parse(torc__resolv_conf *conf, torc_slice text);

#endif /* TORC_NAMES_RESOLV_CONF_H */
