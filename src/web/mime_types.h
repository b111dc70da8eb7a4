/*
 * mime_types: from a file's name to its Content-Type.
 *
 * A table is filled at the start, from what is built in and from the system's list, and only read
 * after that. The types come out whole, with "; charset=utf-8" where the type is text.
 */
#ifndef TORC_WEB_MIME_TYPES_H
#define TORC_WEB_MIME_TYPES_H

#include <torc/slice.h>

#define TORC__MIME_TYPES_SYSTEM_PATH "/etc/mime.types"

typedef struct torc__mime_types torc__mime_types;

/* With the commonest types built in. NULL when memory is out. */
torc__mime_types *torc__mime_types_new(void);

void torc__mime_types_free(torc__mime_types *types);

/*
 * Adds a list in the form of /etc/mime.types: a line a type, then its extensions. They stand in
 * place of what is built in; of two lines for one extension the first holds. Lines that make no
 * sense are passed over. False when memory is out; what was added so far stays.
 */
bool torc__mime_types_add(torc__mime_types *types, torc_slice text);

/*
 * Adds the file at `path`. False, with errno, when it cannot be read; the built-in types are there
 * then.
 */
bool torc__mime_types_load(torc__mime_types *types, const char *path);

/*
 * By what stands after the last dot of `file_name` (a path will do), ignoring case. For what is not
 * known: "application/octet-stream". Valid as long as the table.
 */
torc_slice torc__mime_types_find(const torc__mime_types *types, torc_slice file_name);

#endif /* TORC_WEB_MIME_TYPES_H */
