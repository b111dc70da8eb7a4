/*
 * Faults. Each moment at which one may happen is an occasion; each host counts those of each fault.
 * Whether it happens then, and how, depends on the seed and these three alone. So a run can be
 * repeated with some of its faults left out (sim_seeds.c), while the others, and what the network
 * itself throws dice for, stay as much as they were as can be.
 */
#include "testing/sim.h"

#include <string.h>

/*
 * Those that no program may even notice, and those that every program with datagrams has to bear,
 * come so much more often; crashes so much more seldom.
 */
enum { HARMLESS_FACTOR = 20, CRASH_DIVISOR = 10 };

#define OF_DATAGRAMS \
    (TORC_SIM_LOST_DATAGRAMS | TORC_SIM_LATE_DATAGRAMS | TORC_SIM_DOUBLED_DATAGRAMS)
#define HARMLESS \
    ((unsigned)(TORC_SIM_SPLIT_READS | TORC_SIM_SHORT_WRITES | TORC_SIM_DELAYS | OF_DATAGRAMS))

static const uint64_t *allowed;
static size_t allowed_count;
static bool restricted;

void torc__sim_restrict(const uint64_t *occasions, size_t count)
{
    restricted = occasions != NULL;
    allowed = occasions;
    allowed_count = count;
}

/* The occasions are in order. */
static bool is_allowed(uint64_t occasion)
{
    size_t low = 0;
    size_t high = allowed_count;

    if (!restricted)
        return true;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (allowed[middle] == occasion)
            return true;
        if (allowed[middle] < occasion)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void remember(torc_sim_host *host, uint64_t occasion, torc_sim_fault fault)
{
    torc_sim *sim = host->sim;
    torc__sim_happening *happening;

    if (sim->happened_count == sim->happened_capacity) {
        size_t capacity = sim->happened_capacity != 0 ? sim->happened_capacity * 2 : 32;
        torc__sim_happening *larger = torc__testing_allocate(capacity * sizeof *larger);

        if (sim->happened_count > 0)
            memcpy(larger, sim->happened, sim->happened_count * sizeof *larger);
        torc__testing_release(sim->happened);
        sim->happened = larger;
        sim->happened_capacity = capacity;
    }
    happening = &sim->happened[sim->happened_count++];
    happening->occasion = occasion;
    happening->time = sim->now;
    happening->fault = fault;
    memcpy(happening->host, host->name, sizeof happening->host);
    torc__sim_trace(happening);
}

/* Unlike that of any other occasion, of whichever fault. */
static uint64_t next_occasion(torc_sim_host *host, torc_sim_fault fault)
{
    unsigned index = (unsigned)__builtin_ctz((unsigned)fault);

    return (uint64_t)index << 56 | (uint64_t)host->number << 40 | host->occasions[index]++;
}

static uint64_t mix(uint64_t number)
{
    number = (number ^ (number >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94D049BB133111EB);
    return number ^ (number >> 31);
}

bool torc__sim_occurs(torc_sim_host *host, torc_sim_fault fault)
{
    torc_sim *sim = host->sim;
    unsigned rate = sim->fault_rate;
    unsigned sides = 1000;
    uint64_t occasion;
    uint64_t dice;

    if ((sim->faults & (unsigned)fault) == 0 || sim->ending || host->crashed)
        return false;
    if ((unsigned)fault & HARMLESS)
        rate *= HARMLESS_FACTOR;
    if (fault == TORC_SIM_CRASHES)
        sides *= CRASH_DIVISOR;
    occasion = next_occasion(host, fault);
    dice = mix(mix(sim->options.seed) + occasion * UINT64_C(0x9E3779B97F4A7C15));
    if (dice % sides >= rate || !is_allowed(occasion))
        return false;
    torc__random_init_from(&sim->choices, dice);
    remember(host, occasion, fault);
    torc__sim_note(sim, host, torc__sim_fault_name(fault), torc_slice_make(NULL, 0));
    return true;
}

uint64_t torc__sim_choose(torc_sim *sim, uint64_t limit)
{
    return torc__random_below(&sim->choices, limit);
}

const char *torc__sim_fault_name(torc_sim_fault fault)
{
    switch (fault) {
    case TORC_SIM_SPLIT_READS:
        return "a read is split";
    case TORC_SIM_SHORT_WRITES:
        return "a write is short";
    case TORC_SIM_DELAYS:
        return "something is late";
    case TORC_SIM_RESETS:
        return "a connection is reset";
    case TORC_SIM_REFUSALS:
        return "a connection is refused";
    case TORC_SIM_DEAD_PEERS:
        return "a peer falls silent";
    case TORC_SIM_PARTITIONS:
        return "two hosts are parted";
    case TORC_SIM_CLOCK_JUMPS:
        return "the wall clock jumps";
    case TORC_SIM_DESCRIPTORS:
        return "descriptors run out";
    case TORC_SIM_MEMORY:
        return "an allocation fails";
    case TORC_SIM_SLOW_PEERS:
        return "a connection becomes slow";
    case TORC_SIM_LOOK_UPS:
        return "a look-up goes wrong";
    case TORC_SIM_CRASHES:
        return "the host crashes";
    case TORC_SIM_LOST_DATAGRAMS:
        return "a datagram is lost";
    case TORC_SIM_LATE_DATAGRAMS:
        return "a datagram is overtaken";
    case TORC_SIM_DOUBLED_DATAGRAMS:
        return "a datagram comes twice";
    case TORC_SIM_ALL_FAULTS:
        break;
    }
    return "a fault";
}
