/*
 * blocks: which blocks of the engine's heap are held, and since when.
 *
 * While somebody watches, each block of torc__allocate and its kin is noted with a number that goes
 * up. What was got since a number and is still held when it should not be has leaked.
 */
#ifndef TORC_TESTING_BLOCKS_H
#define TORC_TESTING_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

typedef struct torc__held_blocks {
    size_t count;
    size_t bytes;
    size_t largest; /* bytes of the largest */
} torc__held_blocks;

/* Begin and end noting; between them, blocks that were got before are not known. */
void torc__blocks_watch(void);
void torc__blocks_unwatch(void);

/* The number that the next block will have. */
uint64_t torc__blocks_next(void);

/* Those that have a number from `first` on and are held. */
torc__held_blocks torc__blocks_held(uint64_t first);

/*
 * What is got from now on counts in *account until it is given back; NULL: nowhere. For one thread
 * at a time.
 */
void torc__blocks_charge(size_t *account);

/* The account will not be there any more. */
void torc__blocks_drop(const size_t *account);

/* Forgets them: they have been reported. */
void torc__blocks_forget(uint64_t first);

#endif /* TORC_TESTING_BLOCKS_H */
