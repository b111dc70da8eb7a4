/*
 * context: how the reactor, which stands above the log, tells it who is speaking.
 */
#ifndef TORC_LOG_CONTEXT_H
#define TORC_LOG_CONTEXT_H

#include <stddef.h>

/*
 * Writes the context of what runs in the calling thread ("CmdProtocol,0,127.0.0.1") as snprintf
 * does, and gives its length; 0 when nobody in particular speaks. Called from any thread; it must
 * neither block nor log.
 */
typedef size_t torc__log_context_writer(char *text, size_t size);

/* NULL takes it away. May be called at any time, from any thread. */
void torc__log_set_context_writer(torc__log_context_writer *writer);

#endif /* TORC_LOG_CONTEXT_H */
