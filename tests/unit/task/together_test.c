/*
 * Jobs that are retried at a limited rate, beside a looping call and a cooperative task: in a
 * simulated network whose seed rules the chance too, and with each allocation failing in turn.
 */
#include "task/support.h"

/* -- in a simulated network ---------------------------------------------------------------- */

enum { CALLS = 40, AT_ONCE = 4 };

typedef struct caller {
    torc_scope *scope;
    torc_rate_limit *limit;
    torc_looping_call heart;
    size_t begun;
    size_t attempts;
    size_t beats;
    torc_time finished;
    size_t succeeded;
} caller;

static void hang_up(torc_protocol *self)
{
    torc_lose_connection(self->transport);
}

static const torc_protocol_class server_class = { .name = "Server" };
static const torc_protocol_class client_class = { .name = "Client", .connection_made = hang_up };

static torc_deferred *try_to_call(void *argument)
{
    caller *self = argument;

    self->attempts++;
    return torc_connect(self->scope, "tcp:10.0.0.1:9:timeout=5", torc_factory_of(&client_class));
}

static torc_result call_with_retries(void *argument, torc_result nothing)
{
    static const torc_retry_options options = { .first_delay = 200 * MS, .attempts_max = 50 };
    caller *self = argument;

    (void)nothing;
    return torc_wait_for(torc_retry(self->scope, &options, try_to_call, self));
}

static torc_deferred *next_call(void *argument)
{
    caller *self = argument;
    torc_deferred *call;

    if (self->begun == CALLS)
        return NULL;
    self->begun++;
    call = torc_rate_limit_take(self->limit, self->scope, 1);
    torc_add_callback(call, call_with_retries, self);
    return call;
}

static torc_result beat(void *argument)
{
    ((caller *)argument)->beats++;
    return torc_nothing();
}

static torc_result all_called(void *argument, torc_result result)
{
    caller *self = argument;

    self->succeeded = torc_result_jobs(result)->succeeded;
    self->finished = torc_now(torc_scope_reactor(self->scope));
    torc_looping_call_stop(&self->heart);
    return torc_nothing();
}

static bool has_finished(void *argument)
{
    return ((caller *)argument)->succeeded != 0;
}

static void run_network(uint64_t seed, caller *self, uint64_t *ret_history)
{
    torc_rate_limit_options rate = { .amount = 10, .burst = 2 };
    torc_sim *net = torc_sim_new(.seed = seed);
    torc_sim_host *server = torc_sim_add_host(net, "server", "10.0.0.1");
    torc_sim_host *client = torc_sim_add_host(net, "client", "10.0.0.2");
    torc_jobs_options jobs = { .next = next_call, .argument = self, .at_once = AT_ONCE };

    torc_sim_faults(net, TORC_SIM_REFUSALS);
    torc_sim_fault_rate(net, 300);
    self->scope = torc_sim_scope(client);
    self->limit = torc_rate_limit_new(self->scope, &rate);
    torc_listen(torc_sim_scope(server), "tcp:9", torc_factory_of(&server_class));
    torc_sim_advance(net, 0);
    torc_looping_call_start(&self->heart, self->scope, S, beat, self);
    torc_add_callback(torc_run_jobs(self->scope, &jobs), all_called, self);
    assert_true(torc_sim_run_until(net, TORC_HOUR, has_finished, self));
    torc_sim_faults(net, 0);
    torc_sim_advance(net, 0);
    *ret_history = torc_sim_history(net);
    torc_sim_free(net);
}

static void runs_in_a_simulated_network_as_its_seed_has_it(void **state)
{
    torc_time times[3];

    (void)state;
    torc_testing_set_fail(fail_test);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        caller one = { 0 };
        caller again = { 0 };
        uint64_t history;
        uint64_t history_again;

        run_network(seed, &one, &history);
        run_network(seed, &again, &history_again);
        assert_int_equal(one.succeeded, CALLS);
        assert_true(one.attempts > CALLS);
        assert_true(one.finished >= (CALLS - 2) * 100 * MS);
        assert_int_equal(one.beats, one.finished / S);
        assert_int_equal(one.finished, again.finished);
        assert_true(history == history_again);
        times[seed - 1] = one.finished;
    }
    assert_true(times[0] != times[1] && times[1] != times[2]);
}

/* -- with each allocation failing ---------------------------------------------------------- */

typedef struct everything {
    torc_looping_call heart;
    torc_cooperative_task task;
    torc_rate_limit *limit;
    size_t begun;
    size_t attempts;
    size_t steps;
    int over;
} everything;

static torc_result refuse_two_of_three(void *argument, torc_result result)
{
    everything *self = argument;

    if (++self->attempts % 3 == 0)
        return result;
    return torc_fail_with(&torc_error_refused, "attempt %zu", self->attempts);
}

static torc_deferred *one_attempt(void *argument)
{
    return torc_call_after(root, 100 * MS, refuse_two_of_three, argument);
}

static torc_result with_retries(void *argument, torc_result nothing)
{
    (void)nothing;
    return torc_wait_for(torc_retry(root, NULL, one_attempt, argument));
}

static torc_deferred *next_of_all(void *argument)
{
    everything *self = argument;
    torc_deferred *job;

    if (self->begun == 6)
        return NULL;
    self->begun++;
    job = torc_rate_limit_take(self->limit, root, 1);
    torc_add_callback(job, with_retries, self);
    return job;
}

static torc_result wait_a_moment(void *argument)
{
    (void)argument;
    return torc_wait_for(torc_after(root, 10 * MS));
}

static torc_result one_step(void *argument)
{
    everything *self = argument;

    if (++self->steps == 20)
        return torc_nothing();
    return self->steps % 5 == 0 ? torc_wait_for(torc_after(root, MS)) : torc_go_on();
}

/* Whether it went well is not asked; that it is over, with a result, is. */
static torc_result is_over(void *argument, torc_result result)
{
    (void)result;
    ++*(int *)argument;
    return torc_nothing();
}

static void run_everything(void)
{
    torc_jobs_options jobs = { .next = next_of_all, .at_once = 3, .keeps_going = true };
    torc_rate_limit_options rate = { .amount = 5, .burst = 1 };
    everything self = { 0 };
    torc_cooperator *cooperator;

    jobs.argument = &self;
    self.limit = torc_rate_limit_new(root, &rate);
    cooperator = torc_cooperator_new(root, NULL);
    if (self.limit == NULL || cooperator == NULL)
        return;
    torc_add_both(torc_looping_call_start(&self.heart, root, S, wait_a_moment, &self), is_over,
        &self.over);
    torc_add_both(torc_cooperate(cooperator, &self.task, root, one_step, &self), is_over,
        &self.over);
    torc_add_both(torc_run_jobs(root, &jobs), is_over, &self.over);
    advance(2 * TORC_MINUTE);
    torc_looping_call_stop(&self.heart);
    advance(S);
    assert_int_equal(self.over, 3);
}

static void each_allocation_may_fail(void **state)
{
    unsigned number = 0;
    bool failed;

    do {
        set_up(state);
        spare_allocations_of(torc__deferred_size);
        fail_allocation_after(number++);
        run_everything();
        failed = an_allocation_failed();
        allow_allocations();
        spare_allocations_of(0);
        torc_testing_flush_failures(NULL);
        tear_down(state);
    } while (failed);
    assert_in_range(number, 10, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_in_a_simulated_network_as_its_seed_has_it),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
