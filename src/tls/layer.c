/*
 * TLS as a layer.
 */
#include "tls/endpoint.h"

#include "base/memory.h"
#include "tls/session.h"

typedef struct tls_layer {
    torc__layer layer; /* first */
    torc_tls *tls;
    char *name;        /* or NULL; behind the struct */
} tls_layer;

static int enter(torc__layer *layer, torc_transport *transport)
{
    tls_layer *self = (tls_layer *)(void *)layer;

    return torc__tls_session_insert(self->tls, transport, self->name, false);
}

static void release(torc__layer *layer)
{
    tls_layer *self = (tls_layer *)(void *)layer;

    torc_tls_release(self->tls);
    torc__free(self);
}

static const torc__layer_class layer_class = {
    .name = "TLS",
    .enter = enter,
    .release = release,
};

torc__layer *torc__tls_layer_new(torc_tls *tls, const char *name)
{
    size_t size = name != NULL ? strlen(name) + 1 : 0;
    tls_layer *self = torc__allocate_zeroed(sizeof *self + size);

    if (self == NULL)
        return NULL;
    self->layer.kind = &layer_class;
    self->layer.holders = 1;
    self->tls = torc_tls_hold(tls);
    if (name != NULL)
        self->name = memcpy(self + 1, name, size);
    return &self->layer;
}
