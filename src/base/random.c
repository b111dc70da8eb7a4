/*
 * The generator is xoshiro256++ (Blackman and Vigna), its state spread out from one seed by
 * splitmix64, as its authors advise: no seed leads to the one state it cannot leave, all zeros.
 */
#include "base/random.h"

#include "base/system_call.h"

#include <torc/time.h>

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define ENTROPY_PIECE ((size_t)256) /* getentropy gives no more at a time */

static torc__random_source *chosen_source;

void torc__set_random_source(torc__random_source *source)
{
    chosen_source = source;
}

static uint64_t spread(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9E3779B97F4A7C15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

TORC_COLD static void fill_without_system(unsigned char *bytes, size_t length)
{
    uint64_t state = (uint64_t)torc_wall_now() ^ ((uint64_t)torc_monotonic_now() << 20) ^
        (uint64_t)(uintptr_t)bytes ^ ((uint64_t)getpid() << 48);

    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)spread(&state);
}

void torc__random_bytes(void *bytes, size_t length)
{
    unsigned char *next = bytes;

    if (chosen_source != NULL) {
        chosen_source(bytes, length);
        return;
    }
    while (length > 0) {
        size_t piece = length < ENTROPY_PIECE ? length : ENTROPY_PIECE;

        if (TORC__CALL(getentropy, next, piece) != 0)
            fill_without_system(next, piece);
        next += piece;
        length -= piece;
    }
}

void torc__random_init(torc__random *random)
{
    uint64_t seed;

    torc__random_bytes(&seed, sizeof seed);
    torc__random_init_from(random, seed);
}

void torc__random_init_from(torc__random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = spread(&seed);
}

static uint64_t rotate_left(uint64_t value, int count)
{
    return value << count | value >> (64 - count);
}

uint64_t torc__random_next(torc__random *random)
{
    uint64_t *state = random->state;
    uint64_t result = rotate_left(state[0] + state[3], 23) + state[0];
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate_left(state[3], 45);
    return result;
}

uint64_t torc__random_below(torc__random *random, uint64_t limit)
{
    uint64_t excess;
    uint64_t number;

    if (limit == 0)
        return 0;
    /* 2^64 is seldom a multiple of the limit: numbers of the last, short round are passed over. */
    excess = (UINT64_MAX % limit + 1) % limit;
    do
        number = torc__random_next(random);
    while (number > UINT64_MAX - excess);
    return number % limit;
}
