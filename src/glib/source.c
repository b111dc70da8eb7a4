/*
 * The GSource that a reactor is for GLib: it watches the driver's descriptor, tells until when GLib
 * may wait, and has the reactor's turn made when either has come.
 */
#include <glib.h>

#include <torc/glib.h>

typedef struct reactor_source {
    GSource source; /* first */
    torc_reactor *reactor;
    gpointer descriptor_tag;
    torc_call *stopped;
    void *argument;
} reactor_source;

static reactor_source *self_of(GSource *source)
{
    return (reactor_source *)(void *)source;
}

/* In GLib's terms: -1 for ever, else milliseconds, rounded up so that no timer is early. */
static gint wait_until(torc_time deadline)
{
    torc_time left;

    if (deadline == TORC_NEVER)
        return -1;
    left = deadline - torc_monotonic_now();
    if (left <= 0)
        return 0;
    if (left > TORC_HOUR)
        left = TORC_HOUR;
    return (gint)((left + TORC_MILLISECOND - 1) / TORC_MILLISECOND);
}

static gboolean prepare(GSource *source, gint *timeout)
{
    *timeout = wait_until(torc_reactor_deadline(self_of(source)->reactor));
    return *timeout == 0;
}

static gboolean check(GSource *source)
{
    reactor_source *self = self_of(source);

    return g_source_query_unix_fd(source, self->descriptor_tag) != 0
        || wait_until(torc_reactor_deadline(self->reactor)) == 0;
}

static gboolean dispatch(GSource *source, GSourceFunc unused, gpointer nothing)
{
    reactor_source *self = self_of(source);

    (void)unused;
    (void)nothing;
    if (torc_iterate(self->reactor, 0))
        return G_SOURCE_CONTINUE;
    /* Whoever removed it in this turn may have freed what `stopped` would use. */
    if (self->stopped != NULL && !g_source_is_destroyed(source))
        self->stopped(self->argument);
    return G_SOURCE_REMOVE;
}

/* GLib never dispatches a source within its own dispatch, so there is no turn within a turn. */
static GSourceFuncs functions = {
    .prepare = prepare,
    .check = check,
    .dispatch = dispatch,
};

unsigned torc_glib_attach(
    torc_reactor *reactor, struct _GMainContext *context, torc_call *stopped, void *argument)
{
    int descriptor = torc_reactor_descriptor(reactor);
    GSource *source;
    reactor_source *self;
    unsigned id;

    if (descriptor < 0)
        return 0;
    source = g_source_new(&functions, sizeof *self);
    self = self_of(source);
    self->reactor = reactor;
    self->stopped = stopped;
    self->argument = argument;
    self->descriptor_tag = g_source_add_unix_fd(source, descriptor, G_IO_IN);
    g_source_set_static_name(source, "Torc reactor");
    id = g_source_attach(source, context);
    g_source_unref(source);
    return id;
}
