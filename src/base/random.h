/*
 * random: numbers for hash keys, jitter and simulations. Not for secrets, except
 * torc__random_bytes, which asks the system.
 *
 * A torc__random is a value of its owner: two with the same seed give the same numbers, on every
 * machine.
 */
#ifndef TORC_BASE_RANDOM_H
#define TORC_BASE_RANDOM_H

#include <torc/macros.h>

#include <stddef.h>
#include <stdint.h>

TORC_BEGIN_DECLS

/*
 * Fills `bytes` from the system's source (getrandom). Where that is forbidden or missing, from the
 * clocks and the layout of memory: still different in each process, but to be guessed.
 */
TORC_API void torc__random_bytes(void *bytes, size_t length);

/* Takes the place of the system's source, so that a run can be repeated; NULL is that again. */
typedef void torc__random_source(void *bytes, size_t length);

TORC_API void torc__set_random_source(torc__random_source *source);

typedef struct torc__random {
    uint64_t state[4];
} torc__random;

TORC_API void torc__random_init(torc__random *random);
TORC_API void torc__random_init_from(torc__random *random, uint64_t seed);

TORC_API uint64_t torc__random_next(torc__random *random);

/* An even choice from 0 up to but not including `limit`; 0 for a limit of 0. */
TORC_API uint64_t torc__random_below(torc__random *random, uint64_t limit);

TORC_END_DECLS

#endif /* TORC_BASE_RANDOM_H */
