/*
 * bytes: growing bytes, and bytes as a person reads them. What the runner keeps lies here and not
 * in the library's memory, so that making the library's allocations fail leaves it alone.
 *
 * Where memory is out the runner ends with a message: a test that cannot be run has failed.
 */
#ifndef TORC_SCENARIO_BYTES_H
#define TORC_SCENARIO_BYTES_H

#include <torc/macros.h>
#include <torc/slice.h>

/* Zeroed: empty. With bytes in it there is always a NUL behind them. */
typedef struct torcs_bytes {
    char *data;
    size_t length;
    size_t size;
} torcs_bytes;

/* Zeroed memory, never NULL; free it by free(). */
void *claim(size_t size);

void bytes_add(torcs_bytes *self, torc_slice more);
void bytes_add_text(torcs_bytes *self, const char *text);
void bytes_printf(torcs_bytes *self, const char *format, ...) TORC_PRINTF(2, 3);
void bytes_clear(torcs_bytes *self); /* keeps the room */
void bytes_free(torcs_bytes *self);

torc_slice bytes_slice(const torcs_bytes *self);

/* "" where there is nothing. */
const char *bytes_text(const torcs_bytes *self);

/* Adds `raw` as a story would write it: quoted, escaped, cut in the middle beyond `at_most`. */
void bytes_add_quoted(torcs_bytes *self, torc_slice raw, size_t at_most);

#endif /* TORC_SCENARIO_BYTES_H */
