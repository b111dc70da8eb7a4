/*
 * The connecting side that the load programs share: a connection to a server on this machine, one
 * whole exchange on it, and the length of an HTTP response. Blocking on purpose: it serves the
 * set-up, which is not measured; what is measured is written out in the program itself.
 */
#ifndef BENCH_COMMON_CLIENT_H
#define BENCH_COMMON_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/* A blocking connection to 127.0.0.1:PORT, made from 127.0.0.HOST; fatal when it fails. Every
 * receive on it gives up after ten seconds. */
int bench_connect(uint16_t port, unsigned host);

void bench_send_all(int descriptor, const void *bytes, size_t size);
void bench_receive_all(int descriptor, void *bytes, size_t size);

/* A keep-alive GET of PATH; the text belongs to the caller. */
char *bench_get_request(const char *path);

/* Receives one HTTP response of status 200 whole, and gives its length in bytes, head and body. */
size_t bench_receive_response(int descriptor);

/* Waits for a line or the end of standard input: how the runner says "go on". */
void bench_await_runner(void);

double bench_seconds(void);

#endif /* BENCH_COMMON_CLIENT_H */
