/*
 * The network: its clock, its history, and the public calls that are about the whole of it.
 *
 * At one moment of the clock, each host in turn runs that has anything to do, then all events of
 * that moment, and again until nothing is left; only then does the clock move to what is next.
 */
#include "testing/sim.h"

#include "reactor/reactor.h"
#include "testing/blocks.h"

#include <stdio.h>
#include <string.h>

/* So many turns without the clock moving: it will never come to rest. */
enum { TURNS_MAX = 100000 };

#define JUMP_MAX ((torc_time)86400 * TORC_SECOND)

/* What is on its way for longer is not waited for: nobody may be there to take it. */
#define RUN_MAX (60 * TORC_SECOND)

/* Of a thousand occasions. */
enum { USUAL_RATE = 5 };

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

void torc_sim_jump_clock(torc_sim *sim, torc_time by)
{
    sim->wall_offset += by;
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
    torc__blocks_charge(host->limits.memory != 0 ? &host->memory : NULL);
    torc__reactor_turn(host->reactor);
    torc__blocks_charge(NULL);
    host->sim->running = NULL;
    return true;
}

typedef struct wanted_condition {
    bool (*holds)(void *argument);
    void *argument;
} wanted_condition;

/*
 * Each host once, then all events of this moment. The hosts are first, so that who was told to
 * listen does so before what was sent at the same time is there.
 */
static bool run_round(torc_sim *sim)
{
    bool any = false;

    for (torc_sim_host *host = sim->hosts; host != NULL; host = host->next)
        any |= turn_host(host);
    while (torc__sim_next_event(sim) <= sim->now) {
        torc__sim_run_event(sim);
        any = true;
    }
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

void torc_sim_run(torc_sim *sim)
{
    torc_time until = torc_time_add(sim->now, RUN_MAX);

    for (;;) {
        torc_time next;

        (void)run_moment(sim, NULL);
        next = next_time(sim);
        if (sim->events.moving == 0 || next > until)
            return;
        move_clock(sim, next);
    }
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

void torc_sim_faults(torc_sim *sim, unsigned faults)
{
    sim->faults = faults;
}

void torc_sim_fault_rate(torc_sim *sim, unsigned per_mille)
{
    sim->fault_rate = per_mille;
}

size_t torc_sim_fault_count(const torc_sim *sim, unsigned faults)
{
    size_t count = 0;

    for (size_t i = 0; i < sim->happened_count; i++)
        count += ((unsigned)sim->happened[i].fault & faults) != 0;
    return count;
}

/* -- the whole ----------------------------------------------------------------------------- */

torc_sim *torc_sim_new_with(const torc_sim_options *options)
{
    torc_sim *sim = torc__testing_allocate(sizeof *sim);

    if (options != NULL)
        sim->options = *options;
    sim->fault_rate = USUAL_RATE;
    torc__random_init_from(&sim->random, sim->options.seed);
    torc__random_init_from(&sim->hash_keys, ~sim->options.seed);
    torc__list_init(&sim->connections);
    torc__list_init(&sim->datagrams);
    sim->last_host = &sim->hosts;
    sim->last_name = &sim->names;
    sim->watch = torc__watch_begin();
    torc__sim_take_world(sim);
    sim->outside = torc__sim_make_host(sim, "outside", "203.0.113.1");
    return sim;
}

/* Everything but the record itself, so that it can still be asked whether it has ended. */
static void end(torc_sim *sim, torc__report *report)
{
    if (sim->ending)
        return;
    sim->ending = true;
    for (torc_sim_host *host = sim->hosts; host != NULL; host = host->next)
        if (host->reactor != NULL)
            torc__sim_close_reactor(host, report);
    torc__sim_leave_world(sim);
    torc__watch_end(sim->watch, report);
}

size_t torc_sim_leaks(torc_sim *sim)
{
    torc__report report = { .length = 0 };

    end(sim, &report);
    if (report.lines > 0)
        fprintf(stderr, "torc-testing: seed %llu left behind:\n%s\n",
            (unsigned long long)sim->options.seed, report.text);
    return report.lines;
}

void torc__sim_free(torc_sim *sim, torc__report *report)
{
    unsigned long long seed = sim->options.seed;
    torc__list *link;

    end(sim, report);
    while ((link = torc__list_take_first(&sim->connections)) != NULL)
        torc__sim_free_connection(TORC_CONTAINER_OF(link, torc__sim_connection, link));
    torc__sim_drop_datagrams(sim);
    torc__sim_free_hosts(sim);
    torc__sim_free_peers(sim);
    torc__testing_release(sim->events.heap);
    torc__testing_release(sim->happened);
    torc__testing_release(sim);
    if (report->lines > 0)
        torc__report_add(report, "the simulation's seed is %llu", seed);
}

void torc_sim_free(torc_sim *sim)
{
    torc__report report = { .length = 0 };

    if (sim == NULL)
        return;
    if (torc__sim_is_looped(sim)) {
        torc_testing_failed("TORC_SIM_FOR_SEEDS frees its network itself");
        return;
    }
    torc__sim_free(sim, &report);
    torc__report_fail(&report);
}
