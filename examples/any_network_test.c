/*
 * any_network_test: a service, and a client that does not give up, in a thousand networks where
 * everything goes wrong that can. docs/testing.md explains it.
 */
#include <torc.h>
#include <torc/line.h>
#include <torc/testing.h>

#include <stdio.h>
#include <string.h>

/* -- the service: greets whoever gives a name ------------------------------------------------ */

static void greeter_line(torc_line_receiver *self, torc_slice line)
{
    torc_printf(self, "Hello, %.*s.\r\n", TORC_FMT(line));
}

static const torc_line_class greeter_class = {
    .protocol = { .name = "Greeter", .size = sizeof(torc_line_receiver) },
    .line_received = greeter_line,
};

/* -- the client: gives its name, again and again, until it is greeted ------------------------- */

typedef struct visitor {
    torc_scope *scope;
    torc_factory *factory; /* of guests */
    torc_timer retry;
    bool greeted;
} visitor;

typedef struct guest {
    torc_line_receiver lines; /* first member */
    torc_timer patience;
} guest;

static void visit(void *argument);

static torc_result not_reached(void *argument, torc_result failure)
{
    visitor *self = argument;

    (void)failure;
    torc_timer_set(&self->retry, self->scope, TORC_SECOND, visit, self);
    return torc_nothing();
}

static void visit(void *argument)
{
    visitor *self = argument;
    torc_deferred *connected =
        torc_connect(self->scope, "tcp:greeter:2000", torc_factory_hold(self->factory));

    torc_add_errback(connected, not_reached, self);
}

static void leave(void *protocol)
{
    torc_abort_connection(((torc_protocol *)protocol)->transport);
}

static void guest_made(torc_protocol *self)
{
    torc_printf(self, "Ada\r\n");
    torc_timer_set(
        &torc_of(self, guest)->patience, torc_scope_of(self), 10 * TORC_SECOND, leave, self);
}

static void guest_line(torc_line_receiver *self, torc_slice line)
{
    visitor *who = torc_context_of(self);

    if (!torc_slice_is(line, "Hello, Ada."))
        torc_testing_failed("this is no greeting: %.*s", TORC_FMT(line));
    who->greeted = true;
    torc_lose_connection(self->protocol.transport);
}

static void guest_lost(torc_protocol *self, const torc_failure *reason)
{
    visitor *who = torc_context_of(self);

    (void)reason;
    if (!who->greeted)
        torc_timer_set(&who->retry, who->scope, TORC_SECOND, visit, who);
}

static const torc_line_class guest_class = {
    .protocol = {
        .name = "Guest",
        .size = sizeof(guest),
        .connection_made = guest_made,
        .connection_lost = guest_lost,
    },
    .line_received = guest_line,
};

/* -- the test ------------------------------------------------------------------------------ */

static bool is_greeted(void *argument)
{
    return ((visitor *)argument)->greeted;
}

/* What the greeter starts with, now and whenever it comes up after a crash. */
static void serve(torc_sim_host *greeter, void *argument)
{
    (void)argument;
    torc_listen(torc_sim_scope(greeter), "tcp:2000", torc_line_factory(&greeter_class));
}

/* Whatever happens in the first ten seconds: in the end it is greeted. */
static void greets_in_the_end(torc_sim *net)
{
    static visitor ada;
    torc_sim_host *greeter = torc_sim_add_host(net, "greeter", "10.0.0.1");
    torc_sim_host *home = torc_sim_add_host(net, "home", "10.0.0.2");
    torc_factory_options options = { .context = &ada };

    torc_sim_on_boot(greeter, serve, NULL);
    memset(&ada, 0, sizeof ada);
    ada.scope = torc_sim_scope(home);
    ada.factory = torc_line_factory_new(&guest_class, &options);
    visit(&ada);
    torc_sim_advance(net, 10 * TORC_SECOND);

    torc_sim_faults(net, 0);
    if (!torc_sim_run_until(net, 60 * TORC_SECOND, is_greeted, &ada))
        torc_testing_failed("nobody greets any more");
    torc_factory_release(ada.factory);
}

int main(void)
{
    TORC_SIM_FOR_SEEDS(net, 1000) {
        torc_sim_faults(net, TORC_SIM_ALL_FAULTS);
        torc_sim_fault_rate(net, 50);
        greets_in_the_end(net);
    }
    puts("ok");
    return 0;
}
