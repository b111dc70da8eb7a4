/*
 * web_consumer: as consumer.c, for the web component: it links, and asks memory for a page.
 *
 * A client of its own writes a request through a memory link to a site, and the program ends well
 * when the page has come.
 */
#include <torc.h>
#include <torc/web.h>

#include <stdio.h>

static void hello(torc_web_request *request, void *context)
{
    (void)context;
    torc_web_respond(request, 200, "text/plain", TORC_SLICE("hello\n"));
}

static void client_made(torc_protocol *self)
{
    torc_write(self->transport,
        TORC_SLICE("GET / HTTP/1.1\r\nHost: memory\r\nConnection: close\r\n\r\n"));
}

static void client_data(torc_protocol *self, torc_slice data)
{
    bool answered = torc_slice_starts_with(data, TORC_SLICE("HTTP/1.1 200 "));

    puts(answered ? "served" : "not served");
    torc_stop_with(torc_transport_reactor(self->transport), answered ? 0 : 1);
}

static const torc_protocol_class client = {
    .name = "Client",
    .connection_made = client_made,
    .data_received = client_data,
};

static void give_up(void *reactor)
{
    fputs("no answer\n", stderr);
    torc_stop_with(reactor, 1);
}

int main(void)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_scope *root = torc_root(reactor);

    torc_call_later(root, 10 * TORC_SECOND, give_up, reactor);
    if (!torc_connect_in_memory(root, torc_web_site(hello, NULL), torc_factory_of(&client)))
        return 1;
    return torc_run(reactor);
}
