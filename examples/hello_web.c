/* hello_web: a web server that says hello. */
#include <torc.h>
#include <torc/web.h>

static void hello(torc_web_request *request, void *context)
{
    (void)context;
    if (torc_web_allow(request, "GET, HEAD"))
        torc_web_respond(request, 200, "text/plain; charset=utf-8", TORC_SLICE("Hello, world!\n"));
}

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();

    torc_listen(torc_root(reactor), argc > 1 ? argv[1] : "tcp:8080", torc_web_site(hello, NULL));
    return torc_run(reactor);
}
