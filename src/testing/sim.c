/*
 * The network: its hosts, its clock, and the public calls that are about the whole of it.
 *
 * At one moment of the clock, all events of that moment run, then each host in turn that has
 * anything to do, and again until nothing is left; only then does the clock move to what is next.
 */
#include "testing/sim.h"

#include "reactor/reactor.h"

#include <stdio.h>
#include <string.h>

/* So many turns without the clock moving: it will never come to rest. */
enum { TURNS_MAX = 100000 };

#define JUMP_MAX ((torc_time)86400 * TORC_SECOND)

/* -- the history --------------------------------------------------------------------------- */

static uint64_t mix(uint64_t history, uint64_t word)
{
    history = (history ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return history ^ (history >> 29);
}

static uint64_t mix_bytes(uint64_t history, const char *bytes, size_t length)
{
    uint64_t word = 0;

    for (; length >= sizeof word; bytes += sizeof word, length -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        history = mix(history, word);
    }
    word = length;
    for (size_t i = 0; i < length; i++)
        word = word << 8 | (unsigned char)bytes[i];
    return mix(history, word);
}

void torc__sim_note(torc_sim *sim, const torc_sim_host *host, const char *what, torc_slice bytes)
{
    sim->history = mix(sim->history, (uint64_t)sim->now);
    sim->history = mix(sim->history, host->number);
    sim->history = mix_bytes(sim->history, what, strlen(what));
    sim->history = mix_bytes(sim->history, bytes.data, bytes.length);
}

uint64_t torc_sim_history(const torc_sim *sim)
{
    return sim->history;
}

/* -- hosts --------------------------------------------------------------------------------- */

void torc__sim_make_ready(torc_sim_host *host, torc__sim_ready *ready)
{
    if (!torc__list_is_linked(&ready->link))
        torc__list_append(&host->ready, &ready->link);
}

static bool has_address(const torc_sim_host *host, const torc_address *address)
{
    size_t length = address->kind == TORC_ADDRESS_IPV4 ? 4 : 16;

    return host->address.kind == address->kind
        && memcmp(host->address.ip, address->ip, length) == 0;
}

torc_sim_host *torc__sim_find_host(torc_sim_host *from, const torc_address *address)
{
    if (address->kind == TORC_ADDRESS_UNIX || torc__sim_is_loopback(address))
        return from;
    for (torc_sim_host *host = from->sim->hosts; host != NULL; host = host->next)
        if (has_address(host, address))
            return host;
    return NULL;
}

static torc_sim_host *make_host(torc_sim *sim, const char *name, const char *address)
{
    torc_sim_host *host = torc__testing_allocate(sizeof *host);

    host->sim = sim;
    host->number = sim->host_count++;
    snprintf(host->name, sizeof host->name, "%s", name);
    torc__list_init(&host->ready);
    torc__list_init(&host->listeners);
    torc__list_init(&host->old_listeners);
    torc__list_init(&host->accepted);
    if (!torc_address_parse(torc_slice_of(address), 0, &host->address))
        torc_testing_failed("the host %s cannot have the address '%s'", name, address);
    *sim->last_host = host;
    sim->last_host = &host->next;
    return host;
}

torc_sim_host *torc_sim_add_host(torc_sim *sim, const char *name, const char *address)
{
    torc_sim_host *host = make_host(sim, name, address);

    torc__sim_open_reactor(host);
    return host;
}

torc_sim_host *torc_sim_outside(torc_sim *sim)
{
    return sim->outside;
}

torc_reactor *torc_sim_reactor(torc_sim_host *host)
{
    return host->reactor;
}

torc_scope *torc_sim_scope(torc_sim_host *host)
{
    return torc_root(host->reactor);
}

void torc_sim_crash(torc_sim_host *host)
{
    torc__list *connections = &host->sim->connections;

    host->crashed = true;
    torc__sim_note(host->sim, host, "crashed", torc_slice_make(NULL, 0));
    for (torc__list *link = connections->next; link != connections; link = link->next) {
        torc__sim_connection *connection = TORC_CONTAINER_OF(link, torc__sim_connection, link);

        for (size_t i = 0; i < 2; i++)
            if (connection->ends[i].host == host)
                torc__sim_queue_clear(&connection->ends[i].outgoing);
    }
}

/* -- links --------------------------------------------------------------------------------- */

void torc_sim_set_link(torc_sim_host *one, torc_sim_host *other, const torc_sim_link *link)
{
    torc__sim_route_to(one, other)->link = *link;
    torc__sim_route_to(other, one)->link = *link;
}

static void set_cut(torc_sim_host *one, torc_sim_host *other, bool cut)
{
    torc__sim_route_to(one, other)->cut = cut;
    torc__sim_route_to(other, one)->cut = cut;
}

void torc_sim_partition(torc_sim_host *one, torc_sim_host *other)
{
    set_cut(one, other, true);
}

void torc_sim_heal(torc_sim_host *one, torc_sim_host *other)
{
    set_cut(one, other, false);
}

/* -- time ---------------------------------------------------------------------------------- */

torc_time torc_sim_now(const torc_sim *sim)
{
    return sim->now;
}

static bool runs(const torc_sim_host *host)
{
    return host->reactor != NULL && !host->crashed && !host->reactor->stopped;
}

static void move_clock(torc_sim *sim, torc_time time)
{
    if (time <= sim->now)
        return;
    sim->now = time;
    if (torc__sim_occurs(sim->outside, TORC_SIM_CLOCK_JUMPS))
        sim->wall_offset += (torc_time)torc__sim_choose(sim, 2 * JUMP_MAX) - JUMP_MAX;
    for (torc_sim_host *host = sim->hosts; host != NULL; host = host->next)
        if (host->reactor != NULL)
            torc_driver_woke(host->reactor->driver, time);
}

static torc_time next_time(const torc_sim *sim)
{
    torc_time next = torc__sim_next_event(sim);

    for (const torc_sim_host *host = sim->hosts; host != NULL; host = host->next) {
        torc_time wake;

        if (!runs(host))
            continue;
        wake = torc__wheel_next(&host->reactor->wheel);
        if (wake < next)
            next = wake;
    }
    return next;
}

/* Whether the host had something to do; it has done a turn's worth of it. */
static bool turn_host(torc_sim_host *host)
{
    if (!runs(host)
        || (torc__list_is_empty(&host->ready) && !torc__reactor_has_work(host->reactor)))
        return false;
    host->sim->running = host;
    torc__reactor_turn(host->reactor);
    host->sim->running = NULL;
    return true;
}

typedef struct wanted_condition {
    bool (*holds)(void *argument);
    void *argument;
} wanted_condition;

/* All events of this moment, then each host once. */
static bool run_round(torc_sim *sim)
{
    bool any = false;

    while (torc__sim_next_event(sim) <= sim->now) {
        torc__sim_run_event(sim);
        any = true;
    }
    for (torc_sim_host *host = sim->hosts; host != NULL; host = host->next)
        any |= turn_host(host);
    return any;
}

/* Everything at this moment. True as soon as the condition holds. */
static bool run_moment(torc_sim *sim, const wanted_condition *condition)
{
    int rounds = 0;

    do {
        if (condition != NULL && condition->holds(condition->argument))
            return true;
        if (rounds++ == TURNS_MAX) {
            torc_testing_failed("seed %llu: after %d turns at %.9f s there is still more to do",
                (unsigned long long)sim->options.seed, TURNS_MAX,
                (double)sim->now / (double)TORC_SECOND);
            return false;
        }
    } while (run_round(sim));
    return false;
}

static bool run(torc_sim *sim, torc_time until, const wanted_condition *condition)
{
    for (;;) {
        torc_time next;

        if (run_moment(sim, condition))
            return true;
        next = next_time(sim);
        if (next > until)
            break;
        move_clock(sim, next);
    }
    move_clock(sim, until);
    return false;
}

void torc_sim_run_idle(torc_sim *sim)
{
    (void)run_moment(sim, NULL);
}

void torc_sim_advance(torc_sim *sim, torc_time time)
{
    (void)run(sim, torc_time_add(sim->now, time), NULL);
}

bool torc_sim_run_until(torc_sim *sim, torc_time at_most, bool (*condition)(void *argument),
    void *argument)
{
    wanted_condition wanted = { .holds = condition, .argument = argument };

    return run(sim, torc_time_add(sim->now, at_most), &wanted);
}

/* -- faults -------------------------------------------------------------------------------- */

void torc_sim_set_faults(torc_sim *sim, unsigned faults, unsigned per_mille)
{
    sim->options.faults = faults;
    sim->options.fault_per_mille = per_mille != 0 ? per_mille : 5;
}

size_t torc_sim_fault_count(const torc_sim *sim, unsigned faults)
{
    size_t count = 0;

    for (size_t i = 0; i < sim->happened_count; i++)
        count += ((unsigned)sim->happened[i].fault & faults) != 0;
    return count;
}

/* -- the whole ----------------------------------------------------------------------------- */

torc_sim *torc_sim_new(const torc_sim_options *options)
{
    torc_sim *sim = torc__testing_allocate(sizeof *sim);

    if (options != NULL)
        sim->options = *options;
    torc_sim_set_faults(sim, sim->options.faults, sim->options.fault_per_mille);
    torc__random_init_from(&sim->random, sim->options.seed);
    torc__random_init_from(&sim->hash_keys, ~sim->options.seed);
    torc__list_init(&sim->connections);
    sim->last_host = &sim->hosts;
    sim->watch = torc__watch_begin();
    torc__sim_take_world(sim);
    sim->outside = make_host(sim, "outside", "203.0.113.1");
    return sim;
}

static void free_listeners(torc__list *listeners)
{
    torc__list *link;

    while ((link = torc__list_take_first(listeners)) != NULL)
        torc__testing_release(TORC_CONTAINER_OF(link, torc__sim_listener, link));
}

static void free_host(torc_sim_host *host)
{
    free_listeners(&host->listeners);
    free_listeners(&host->old_listeners);
    while (host->routes != NULL) {
        torc__sim_route *route = host->routes;

        host->routes = route->next;
        torc__testing_release(route);
    }
    torc__testing_release(host);
}

static void free_network(torc_sim *sim)
{
    torc__list *link;

    while ((link = torc__list_take_first(&sim->connections)) != NULL)
        torc__sim_free_connection(TORC_CONTAINER_OF(link, torc__sim_connection, link));
    while (sim->hosts != NULL) {
        torc_sim_host *host = sim->hosts;

        sim->hosts = host->next;
        free_host(host);
    }
    torc__sim_free_peers(sim);
    torc__testing_release(sim->events.heap);
    torc__testing_release(sim->happened);
}

void torc_sim_free(torc_sim *sim)
{
    torc__report report = { .length = 0 };
    unsigned long long seed;

    if (sim == NULL)
        return;
    seed = sim->options.seed;
    sim->ending = true;
    for (torc_sim_host *host = sim->hosts; host != NULL; host = host->next)
        if (host->reactor != NULL)
            torc__sim_close_reactor(host, &report);
    free_network(sim);
    torc__sim_leave_world(sim);
    torc__watch_end(sim->watch, &report);
    torc__testing_release(sim);
    if (report.length > 0)
        torc__report_add(&report, "the simulation's seed is %llu", seed);
    torc__report_fail(&report);
}
