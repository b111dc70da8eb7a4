/*
 * glib_echo: an echo server in a program of GLib's, which counts in a timeout of GLib's who came.
 */
#include <torc.h>
#include <torc/glib.h>

#include <glib.h>

static int visitors;

static void echo_made(torc_protocol *self)
{
    (void)self;
    visitors++;
}

static void echo_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static const torc_protocol_class echo = {
    .name = "Echo",
    .connection_made = echo_made,
    .data_received = echo_data,
};

static gboolean tell(gpointer told)
{
    int *before = told;

    if (*before != visitors)
        g_print("%d visitors\n", visitors);
    *before = visitors;
    return G_SOURCE_CONTINUE;
}

static void quit(void *loop)
{
    g_main_loop_quit(loop);
}

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    int told = 0;

    torc_listen(torc_root(reactor), argc > 1 ? argv[1] : "tcp:8000", torc_factory_of(&echo));
    g_timeout_add(100, tell, &told);
    if (torc_glib_attach(reactor, NULL, quit, loop) != 0)
        g_main_loop_run(loop);
    else
        g_printerr("%s cannot run inside of GLib\n", torc_reactor_driver_name(reactor));
    torc_reactor_free(reactor);
    g_main_loop_unref(loop);
    return 0;
}
