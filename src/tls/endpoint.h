/*
 * endpoint: TLS as a layer of endpoints, and the kinds "tls" and "ssl".
 */
#ifndef TORC_TLS_ENDPOINT_H
#define TORC_TLS_ENDPOINT_H

#include "endpoint/layer.h"
#include "tls/context.h"

/*
 * A layer that makes connections TLS by `tls`, of which it takes a hold of its own; `name` as in
 * torc_start_tls. With one holder. NULL when memory is out.
 */
torc__layer *torc__tls_layer_new(torc_tls *tls, const char *name);

#endif /* TORC_TLS_ENDPOINT_H */
