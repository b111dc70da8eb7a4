/*
 * version: which Torc this is. The numbers follow semantic versioning.
 */
#ifndef TORC_VERSION_H
#define TORC_VERSION_H

#include <torc/macros.h>

TORC_BEGIN_DECLS

#define TORC_VERSION_MAJOR 0
#define TORC_VERSION_MINOR 1
#define TORC_VERSION_PATCH 0
#define TORC_VERSION       "0.1.0"

/* The version of the library that is linked, which may be newer than the headers. */
TORC_API const char *torc_version(void);

TORC_END_DECLS

#endif /* TORC_VERSION_H */
