/*
 * further_kinds: the core's kinds of endpoints that have files of their own: haproxy and haproxy-v2
 * (the PROXY protocol's header), socks and http-proxy (a tunnel through a proxy), systemd (sockets
 * that were handed to the program), stdio and process (no sockets at all). kinds.c lists them with
 * its own.
 */
#ifndef TORC_ENDPOINT_FURTHER_KINDS_H
#define TORC_ENDPOINT_FURTHER_KINDS_H

#include "endpoint/kind.h"

extern const torc__kind torc__kind_haproxy;    /* proxy_kinds.c */
extern const torc__kind torc__kind_haproxy_v2;
extern const torc__kind torc__kind_socks;      /* tunnel_kinds.c */
extern const torc__kind torc__kind_http_proxy;
extern const torc__kind torc__kind_systemd;    /* systemd.c */
extern const torc__kind torc__kind_stdio;      /* stdio_kind.c */
extern const torc__kind torc__kind_process;    /* process_kind.c */

#endif /* TORC_ENDPOINT_FURTHER_KINDS_H */
