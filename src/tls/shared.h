/*
 * shared: the configurations that descriptions of connecting endpoints stand for.
 */
#ifndef TORC_TLS_SHARED_H
#define TORC_TLS_SHARED_H

#include "tls/context.h"

/* As torc_tls_client_new, or a hold on one that was made of the same options before. */
torc_tls *torc__tls_shared_client(const torc_tls_options *options, torc_failure **reterr_failure);

#endif /* TORC_TLS_SHARED_H */
