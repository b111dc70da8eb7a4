/*
 * Names, and what a program that looks one up is told. A host has the name that it was made with
 * and those that the test has added. What can go wrong with a look-up in the world is a fault here:
 * it finds nothing, it takes long, or it gives addresses at which there is nobody (any more).
 */
#include "testing/sim.h"

#include <string.h>
#include <strings.h>

#define ANSWER_MAX (20 * TORC_SECOND)

/* TEST-NET-2, and its like of IPv6: of no host. The last byte decides how an address is dead. */
static const torc_address dead_ipv4 = { .kind = TORC_ADDRESS_IPV4, .ip = { 198, 51, 100 } };
static const torc_address dead_ipv6 = {
    .kind = TORC_ADDRESS_IPV6, .ip = { 0x20, 0x01, 0x0d, 0xb8, 0xde, 0xad }
};

/* Of a name's addresses, so many at most are dead. */
enum { DEAD_MAX = 3, DEAD_NUMBERS = 200 };

static bool is_dead(const torc_address *address)
{
    if (address->kind == TORC_ADDRESS_IPV4)
        return memcmp(address->ip, dead_ipv4.ip, 3) == 0;
    return address->kind == TORC_ADDRESS_IPV6 && memcmp(address->ip, dead_ipv6.ip, 15) == 0;
}

/* The others have no route, which shows at once. */
bool torc__sim_is_silent(const torc_address *address)
{
    size_t last = address->kind == TORC_ADDRESS_IPV4 ? 3 : 15;

    return is_dead(address) && address->ip[last] % 2 == 1;
}

/* -- who has which name -------------------------------------------------------------------- */

void torc_sim_name(torc_sim *sim, const char *name, torc_sim_host *host)
{
    size_t size = strlen(name) + 1;
    torc__sim_name *added = torc__testing_allocate(sizeof *added + size);

    memcpy(added->text, name, size);
    added->host = host;
    *sim->last_name = added;
    sim->last_name = &added->next;
}

torc_sim_host *torc__sim_named(const torc_sim *sim, const char *name)
{
    for (const torc__sim_name *each = sim->names; each != NULL; each = each->next)
        if (strcasecmp(each->text, name) == 0)
            return each->host;
    return NULL;
}

void torc__sim_free_names(torc_sim *sim)
{
    while (sim->names != NULL) {
        torc__sim_name *name = sim->names;

        sim->names = name->next;
        torc__testing_release(name);
    }
}

/* -- looking up ---------------------------------------------------------------------------- */

static void find_addresses(
    const torc_sim *sim, const char *name, bool only_ipv6, torc__sim_answer *answer)
{
    for (const torc__sim_name *each = sim->names; each != NULL; each = each->next) {
        const torc_address *address = &each->host->address;

        if (strcasecmp(each->text, name) != 0 || answer->count == TORC__SIM_ADDRESSES_MAX
            || (only_ipv6 && address->kind != TORC_ADDRESS_IPV6))
            continue;
        answer->addresses[answer->count++] = *address;
    }
}

static void add_dead_address(torc_sim *sim, bool only_ipv6, torc__sim_answer *answer)
{
    size_t place = (size_t)torc__sim_choose(sim, answer->count + 1);
    torc_address dead = only_ipv6 ? dead_ipv6 : dead_ipv4;

    if (answer->count == TORC__SIM_ADDRESSES_MAX)
        return;
    dead.ip[only_ipv6 ? 15 : 3] = (uint8_t)torc__sim_choose(sim, DEAD_NUMBERS);
    memmove(&answer->addresses[place + 1], &answer->addresses[place],
        (answer->count - place) * sizeof answer->addresses[0]);
    answer->addresses[place] = dead;
    answer->count++;
}

/* Finds nothing (at once or after a while), is slow, or gives dead addresses too. */
static void go_wrong(torc_sim *sim, bool only_ipv6, torc__sim_answer *answer)
{
    uint64_t way = torc__sim_choose(sim, 3);
    uint64_t dead = 0;

    if (way == 0)
        answer->count = 0;
    if (way == 1 || (way == 0 && torc__sim_choose(sim, 2) == 0))
        answer->delay = 1 + (torc_time)torc__sim_choose(sim, ANSWER_MAX);
    if (way == 2 && answer->count > 0)
        dead = 1 + torc__sim_choose(sim, DEAD_MAX);
    for (; dead > 0; dead--)
        add_dead_address(sim, only_ipv6, answer);
}

void torc__sim_look_up(
    torc_sim_host *asker, const char *name, bool only_ipv6, torc__sim_answer *ret_answer)
{
    torc_sim *sim = asker->sim;

    ret_answer->count = 0;
    ret_answer->delay = 0;
    find_addresses(sim, name, only_ipv6, ret_answer);
    if (torc__sim_occurs(asker, TORC_SIM_LOOK_UPS))
        go_wrong(sim, only_ipv6, ret_answer);
    torc__sim_note(sim, asker, "looked up", torc_slice_of(name));
}
