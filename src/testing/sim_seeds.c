/*
 * Many seeds.
 */
#include "testing/sim.h"

void torc__sim_seed_done(const torc_sim *sim)
{
    (void)sim;
}

void torc_sim_for_seeds(const torc_sim_options *options, uint64_t first, size_t count,
    void (*run)(torc_sim *sim, void *argument), void *argument)
{
    torc_sim_options own = { .seed = 0 };

    if (options != NULL)
        own = *options;
    for (size_t i = 0; i < count; i++) {
        torc_sim *sim;

        own.seed = first + i;
        sim = torc_sim_new(&own);
        run(sim, argument);
        torc_sim_free(sim);
    }
}
