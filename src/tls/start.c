/*
 * TLS in the middle of a conversation.
 */
#include "tls/session.h"

#include "transport/factory.h"

#include <errno.h>

static torc_failure *insertion_failure(int error, const char *name)
{
    if (error == EINVAL)
        return torc_failure_new(&torc_error_invalid_argument,
            "'%.80s' is no name of a host: TLS cannot start", name);
    return torc_failure_new(&torc_error_out_of_memory, "out of memory: TLS cannot start");
}

static void forget(torc_deferred *deferred, void *session)
{
    (void)deferred;
    ((torc__tls_session *)session)->started = NULL;
}

torc_deferred *torc_start_tls(void *protocol, torc_tls *tls, const char *name)
{
    torc_protocol *self = protocol;
    torc_transport *transport = self->transport;
    torc_scope *scope = torc_scope_of(protocol);
    torc__tls_session *session;
    int error;

    torc__check_thread(scope->reactor, "torc_start_tls");
    if (torc_is_closing(transport))
        return torc_deferred_fired(scope, torc_fail_with(
            &torc_error_connection_done, "the connection is closing: there is no TLS on it"));
    error = torc__tls_session_insert(tls, transport, name, true);
    if (error != 0) {
        torc_failure *failure = insertion_failure(error, name);

        torc_abort_because(transport, torc_failure_hold(failure));
        return torc_deferred_fired(scope, torc_fail(failure));
    }
    torc__factory_forget_input(self);
    session = torc__tls_session_of(transport);
    session->started = torc_deferred_new(scope, forget, session);
    return session->started;
}
