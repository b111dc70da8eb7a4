/*
 * The echo server on libevent, as one who knows it would write it: buffer events, the input moved
 * to the output without a copy, no locks, and no more reading from a peer that does not read. At the
 * end, connections that are still open go with the process: libevent keeps no list of them.
 */
#include "common/program.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { OUTPUT_MAX = 1024 * 1024, BACKLOG = 4096 };

static void received(struct bufferevent *connection, void *unused)
{
    struct evbuffer *const output = bufferevent_get_output(connection);

    (void)unused;
    bufferevent_read_buffer(connection, output);
    if (evbuffer_get_length(output) > OUTPUT_MAX)
        bufferevent_disable(connection, EV_READ);
}

/* Runs when the output has been emptied. */
static void written(struct bufferevent *connection, void *unused)
{
    (void)unused;
    if (!(bufferevent_get_enabled(connection) & EV_READ))
        bufferevent_enable(connection, EV_READ);
}

static void ended(struct bufferevent *connection, short what, void *unused)
{
    (void)what;
    (void)unused;
    bufferevent_free(connection);
}

static void accepted(struct evconnlistener *listener, evutil_socket_t descriptor,
                     struct sockaddr *address, int size, void *unused)
{
    const int yes = 1;
    struct bufferevent *const connection = bufferevent_socket_new(
        evconnlistener_get_base(listener), descriptor, BEV_OPT_CLOSE_ON_FREE);

    (void)address;
    (void)size;
    (void)unused;
    if (!connection)
        bench_fatal("no memory");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    bufferevent_setcb(connection, received, written, ended, NULL);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

static void stop(evutil_socket_t number, short what, void *base)
{
    (void)number;
    (void)what;
    event_base_loopbreak(base);
}

static struct event_base *new_base(void)
{
    struct event_config *const config = event_config_new();
    struct event_base *base;

    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        bench_fatal("no event base");
    return base;
}

int main(int argc, char **argv)
{
    const uint16_t port = bench_port_argument(argc, argv);
    struct event_base *const base = new_base();
    struct event *const terminate = evsignal_new(base, SIGTERM, stop, base);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct evconnlistener *listener;

    signal(SIGPIPE, SIG_IGN);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = evconnlistener_new_bind(base, accepted, NULL,
                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, BACKLOG,
                                       (struct sockaddr *)&address, sizeof address);
    if (!listener)
        bench_fatal("listen on 127.0.0.1:%u", port);
    evsignal_add(terminate, NULL);
    bench_say("ready");

    event_base_dispatch(base);
    evconnlistener_free(listener);
    event_free(terminate);
    event_base_free(base);
    return EXIT_SUCCESS;
}
