/*
 * write_at_once: writes to a descriptor that is not the reactor's, such as the standard output, and
 * never waits for whoever reads it.
 */
#ifndef TORC_BASE_WRITE_AT_ONCE_H
#define TORC_BASE_WRITE_AT_ONCE_H

#include <torc/macros.h>

#include <stddef.h>
#include <sys/types.h>

TORC_BEGIN_DECLS

/*
 * Writes as much as goes without waiting, and gives how much that is: 0 when nothing does; or a
 * negative errno. The descriptor need not be non-blocking: others may share it.
 */
TORC_API ssize_t torc__write_at_once(int descriptor, const void *bytes, size_t length);

TORC_END_DECLS

#endif /* TORC_BASE_WRITE_AT_ONCE_H */
