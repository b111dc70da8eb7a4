/*
 * abort: how the library ends the process over a programming error: one line that names the call
 * and the remedy, then abort(). Never reachable from what a peer sends.
 */
#ifndef TORC_BASE_ABORT_H
#define TORC_BASE_ABORT_H

#include <torc/macros.h>

TORC_API TORC_NORETURN TORC_COLD void torc__abort(const char *format, ...) TORC_PRINTF(1, 2);

/* For what cannot be reported otherwise when memory is out. */
TORC_NORETURN TORC_COLD void torc__abort_out_of_memory(const char *what);

#endif /* TORC_BASE_ABORT_H */
