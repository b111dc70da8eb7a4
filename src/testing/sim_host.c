/*
 * Hosts: what they are made with, how they crash and come up again, and the links between them.
 *
 *     up --torc_sim_crash--> crashed --torc_sim_reboot--> up, with a new reactor
 *
 * From the crash on the host says nothing and its reactor does not run; the reactor is freed only
 * when the host comes up, because the crash may have been asked for from inside one of its
 * callbacks. By then its sockets are broken, so that what is closed meanwhile reaches nobody.
 */
#include "testing/sim.h"

#include "testing/blocks.h"

#include <stdio.h>
#include <string.h>

#define CRASH_MAX  (10 * TORC_MILLISECOND)
#define REBOOT_MAX (20 * TORC_SECOND)

static const torc_slice nothing = { NULL, 0 };

/* -- making and finding -------------------------------------------------------------------- */

torc_sim_host *torc__sim_make_host(torc_sim *sim, const char *name, const char *address)
{
    torc_sim_host *host = torc__testing_allocate(sizeof *host);

    host->sim = sim;
    host->number = sim->host_count++;
    snprintf(host->name, sizeof host->name, "%s", name);
    torc__list_init(&host->ready);
    torc__list_init(&host->listeners);
    torc__list_init(&host->datagrams);
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
    torc_sim_host *host = torc__sim_make_host(sim, name, address);

    torc_sim_name(sim, name, host);
    torc__sim_open_reactor(host);
    return host;
}

torc_sim_host *torc_sim_server(torc_sim *sim)
{
    if (sim->server == NULL)
        sim->server = torc_sim_add_host(sim, "server", "192.0.2.1");
    return sim->server;
}

torc_port *torc_sim_listen(torc_sim *sim, const char *endpoint, torc_factory *factory)
{
    return torc_listen(torc_sim_scope(torc_sim_server(sim)), endpoint, factory);
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

/* -- crashing and coming up ---------------------------------------------------------------- */

/* Those that the host knows of: a connection that is only asked for reaches it later. */
static void forget_connections(torc_sim_host *host)
{
    torc__list *connections = &host->sim->connections;

    for (torc__list *link = connections->next; link != connections; link = link->next) {
        torc__sim_connection *connection = TORC_CONTAINER_OF(link, torc__sim_connection, link);

        for (size_t i = 0; i < 2; i++) {
            torc__sim_socket *socket = &connection->ends[i];

            if (socket->host != host)
                continue;
            if (socket->closed)
                torc__sim_queue_clear(&socket->outgoing);
            else
                torc__sim_forget(socket);
        }
    }
}

static void crash(torc_sim_host *host)
{
    if (host->crashed)
        return;
    host->crashed = true;
    torc__sim_note(host->sim, host, "crashed", nothing);
    forget_connections(host);
}

/* What the test says outlasts what a fault has begun. */
void torc_sim_crash(torc_sim_host *host)
{
    if (host->reactor == NULL) {
        torc_testing_failed("%s is no host that could crash", host->name);
        return;
    }
    host->crashes_soon = false;
    crash(host);
}

static void boot(torc_sim_host *host)
{
    if (host->boot != NULL)
        host->boot(host, host->boot_argument);
}

void torc_sim_on_boot(torc_sim_host *host, torc_sim_boot *function, void *argument)
{
    host->boot = function;
    host->boot_argument = argument;
    boot(host);
}

void torc_sim_reboot(torc_sim_host *host)
{
    torc__report report = { .length = 0 };

    if (host->sim->running != NULL || host->reactor == NULL) {
        torc_testing_failed("torc_sim_reboot: not %s",
            host->reactor != NULL ? "from inside a callback" : "of what is no host");
        return;
    }
    crash(host);
    torc__sim_close_reactor(host, &report);
    torc__sim_open_reactor(host);
    host->crashed = false;
    host->crashes_soon = false;
    host->short_until = 0;
    torc__sim_note(host->sim, host, "boots", nothing);
    boot(host);
    torc__report_fail(&report);
}

/* Unless the test itself has brought it up meanwhile, or has crashed it. */
static void reboot_by_fault(torc_sim *sim, void *argument)
{
    torc_sim_host *host = argument;

    (void)sim;
    if (host->crashes_soon && host->crashed)
        torc_sim_reboot(host);
}

static void crash_by_fault(torc_sim *sim, void *argument)
{
    torc_sim_host *host = argument;

    (void)sim;
    if (host->crashes_soon)
        crash(host);
}

void torc__sim_may_crash(torc_sim_host *host)
{
    torc_sim *sim = host->sim;
    torc_time crash;

    if (host->boot == NULL || host->crashed || host->crashes_soon
        || !torc__sim_occurs(host, TORC_SIM_CRASHES))
        return;
    host->crashes_soon = true;
    crash = sim->now + (torc_time)torc__sim_choose(sim, CRASH_MAX);
    torc__sim_add_wait(sim, crash, crash_by_fault, host);
    torc__sim_add_wait(
        sim, crash + 1 + (torc_time)torc__sim_choose(sim, REBOOT_MAX), reboot_by_fault, host);
}

/* -- limits -------------------------------------------------------------------------------- */

void torc_sim_limit(torc_sim_host *host, const torc_sim_limits *limits)
{
    host->limits = *limits;
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

/* -- freeing ------------------------------------------------------------------------------- */

static void free_listeners(torc__list *listeners)
{
    torc__list *link;

    while ((link = torc__list_take_first(listeners)) != NULL)
        torc__testing_release(TORC_CONTAINER_OF(link, torc__sim_listener, link));
}

static void free_host(torc_sim_host *host)
{
    if (host->memory > 0)
        torc__blocks_drop(&host->memory);
    free_listeners(&host->listeners);
    free_listeners(&host->old_listeners);
    torc__sim_free_datagrams(host);
    while (host->routes != NULL) {
        torc__sim_route *route = host->routes;

        host->routes = route->next;
        torc__testing_release(route);
    }
    torc__testing_release(host);
}

void torc__sim_free_hosts(torc_sim *sim)
{
    torc__sim_free_names(sim);
    while (sim->hosts != NULL) {
        torc_sim_host *host = sim->hosts;

        sim->hosts = host->next;
        free_host(host);
    }
}
