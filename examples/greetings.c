/*
 * greetings: asks each of many servers for its greeting (the first line that it says by itself, as
 * servers of mail, FTP and SSH do), politely: three at a time, ten a second, and again where it may
 * help.
 *
 *     build/examples/greetings tcp:localhost:22 tcp:localhost:25 unix:/run/some.sock
 *
 * Exit status: 0 when all have greeted, 1 when one has not.
 */
#include <torc.h>
#include <torc/jobs.h>
#include <torc/line.h>

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE (10 * TORC_SECOND)

typedef struct round round;

typedef struct place {
    const char *endpoint;
    round *round;
} place;

struct round {
    torc_scope *scope;
    torc_rate_limit *limit;
    place *places;
    size_t count;
    size_t next;
};

/* -- one visit ----------------------------------------------------------------------------- */

typedef struct guest {
    torc_line_receiver lines; /* first member */
    torc_deferred *greeting;  /* fires with the line; NULL when it has */
} guest;

static void guest_line(torc_line_receiver *lines, torc_slice line)
{
    guest *self = torc_of(lines, guest);
    torc_deferred *greeting = self->greeting;

    self->greeting = NULL;
    torc_lose_connection(lines->protocol.transport);
    if (greeting != NULL)
        torc_fire(greeting, torc_text("%.*s", TORC_FMT(torc_slice_trim(line))));
}

static void guest_lost(torc_protocol *protocol, const torc_failure *reason)
{
    guest *self = torc_of(protocol, guest);

    if (self->greeting != NULL)
        torc_fire(self->greeting, torc_fail(torc_failure_hold(reason)));
}

static const torc_line_class guest_class = {
    .protocol = { .name = "Guest", .size = sizeof(guest), .connection_lost = guest_lost },
    .delimiter = "\n",
    .line_received = guest_line,
};

static void leave(torc_deferred *greeting, void *argument)
{
    guest *self = argument;

    (void)greeting;
    self->greeting = NULL;
    torc_lose_connection(self->lines.protocol.transport);
}

static torc_result listen_to(void *round_of, torc_result connected)
{
    guest *self = torc_result_pointer(connected);

    self->greeting = torc_deferred_new(((round *)round_of)->scope, leave, self);
    return torc_wait_for(self->greeting);
}

static torc_deferred *visit(void *argument)
{
    place *self = argument;
    torc_deferred *greeting =
        torc_connect(self->round->scope, self->endpoint, torc_line_factory(&guest_class));

    torc_add_callback(greeting, listen_to, self->round);
    torc_set_timeout(greeting, PATIENCE);
    return greeting;
}

/* -- all of them --------------------------------------------------------------------------- */

static torc_result visit_with_patience(void *argument, torc_result nothing)
{
    static const torc_retry_options options = {
        .attempts_max = 3,
        .first_delay = TORC_SECOND / 5,
    };
    place *self = argument;

    (void)nothing;
    return torc_wait_for(torc_retry(self->round->scope, &options, visit, self));
}

static torc_result show(void *argument, torc_result greeting)
{
    const place *self = argument;

    printf("%s: %s\n", self->endpoint, torc_result_text(greeting));
    return torc_nothing();
}

/* It is passed on as well, so that it counts. */
static torc_result complain(void *argument, torc_result failed)
{
    const place *self = argument;

    fprintf(stderr, "%s: %s\n", self->endpoint, torc_failure_text(torc_result_failure(failed)));
    return failed;
}

static torc_deferred *visit_next(void *argument)
{
    round *self = argument;
    torc_deferred *visited;
    place *next;

    if (self->next == self->count)
        return NULL;
    next = &self->places[self->next++];
    visited = torc_rate_limit_take(self->limit, self->scope, 1);
    torc_add_callback(visited, visit_with_patience, next);
    torc_add_callbacks(visited, show, complain, next);
    return visited;
}

/* A failure of the whole is passed on, to be logged. */
static torc_result sum_up(void *reactor, torc_result result)
{
    bool all_greeted = !torc_is_failure(result) && torc_result_jobs(result)->failed == 0;

    torc_stop_with(reactor, all_greeted ? 0 : 1);
    return torc_is_failure(result) ? result : torc_nothing();
}

static int go_round(torc_reactor *reactor, round *self)
{
    static const torc_rate_limit_options rate = { .amount = 10, .burst = 3 };
    torc_jobs_options jobs = {
        .next = visit_next,
        .argument = self,
        .at_once = 3,
        .keeps_going = true,
    };

    self->scope = torc_root(reactor);
    self->limit = torc_rate_limit_new(self->scope, &rate);
    if (self->limit == NULL)
        torc_stop_with(reactor, 1);
    else
        torc_add_both(torc_run_jobs(self->scope, &jobs), sum_up, reactor);
    return torc_run(reactor);
}

int main(int argc, char **argv)
{
    round self = { .count = argc > 1 ? (size_t)argc - 1 : 0 };
    int status = 1;

    if (self.count == 0) {
        fprintf(stderr, "usage: greetings ENDPOINT...\n");
        return 2;
    }
    self.places = calloc(self.count, sizeof(*self.places));
    for (size_t i = 0; self.places != NULL && i < self.count; i++)
        self.places[i] = (place){ .endpoint = argv[i + 1], .round = &self };
    if (self.places != NULL)
        status = go_round(torc_reactor_new(), &self);
    free(self.places);
    return status;
}
