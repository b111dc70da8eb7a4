/*
 * Retries: how often, after which delays, for what, and every way to end.
 */
#include "task/support.h"

#include "base/random.h"

typedef struct trial {
    int attempts;
    int good_from; /* the attempt that succeeds; 0: none */
    torc_time takes;
    const torc_failure_type *type; /* of the failures */
    torc_scope *ends;
    bool nothing_to_wait_for;
    bool cancels;
    torc_deferred *done;
    torc_deferred *pending;        /* given instead, once */
} trial;

static torc_result outcome(void *argument, torc_result result)
{
    trial *self = argument;

    (void)result;
    if (self->attempts == self->good_from)
        return torc_integer(self->attempts);
    return torc_fail_with(self->type != NULL ? self->type : &torc_error_refused,
        "attempt %d failed", self->attempts);
}

static torc_deferred *attempt(void *argument)
{
    trial *self = argument;
    torc_deferred *pending = self->pending;

    self->attempts++;
    note("%g ", (double)torc_now(reactor) / 1e9);
    self->pending = NULL;
    if (self->cancels)
        torc_cancel(self->done);
    torc_scope_end(self->ends);
    if (pending != NULL || self->nothing_to_wait_for)
        return pending;
    return torc_call_after(root, self->takes, outcome, self);
}

static const torc_retry_options plain = { .jitter = -1 };

static void try_it(trial *self, const torc_retry_options *options)
{
    self->done = torc_retry(root, options, attempt, self);
    watch(self->done, "done");
}

/* -- attempts and delays ------------------------------------------------------------------- */

static void what_succeeds_is_not_repeated(void **state)
{
    trial self = { .good_from = 1 };

    (void)state;
    try_it(&self, NULL);
    assert_ran("");
    run_idle();
    assert_ran("0 done=1 ");
}

static void delays_grow_by_a_factor(void **state)
{
    trial self = { .good_from = 5 };

    (void)state;
    try_it(&self, &plain);
    advance(TORC_MINUTE);
    assert_ran("0 1 3 7 15 done=5 ");
}

static void delays_count_from_the_end_of_an_attempt(void **state)
{
    trial self = { .good_from = 3, .takes = 10 * S };

    (void)state;
    try_it(&self, &plain);
    advance(TORC_MINUTE);
    assert_ran("0 11 23 done=3 ");
}

static void each_option_counts(void **state)
{
    torc_retry_options options = {
        .attempts_max = 7, .first_delay = 2 * S, .factor = 3, .delay_max = 20 * S, .jitter = -1,
    };
    trial self = { .good_from = 7 };

    (void)state;
    try_it(&self, &options);
    advance(2 * TORC_MINUTE);
    assert_ran("0 2 8 26 46 66 86 done=7 ");
}

static void delays_may_stay_the_same(void **state)
{
    torc_retry_options options = { .factor = 1, .jitter = -1 };
    trial self = { .good_from = 4 };

    (void)state;
    try_it(&self, &options);
    advance(TORC_MINUTE);
    assert_ran("0 1 2 3 done=4 ");
}

static void the_longest_delay_is_a_delay(void **state)
{
    torc_retry_options options = {
        .first_delay = TORC_NEVER, .delay_max = TORC_NEVER, .factor = 1e300, .jitter = -1,
    };
    trial self = { 0 };

    (void)state;
    try_it(&self, &options);
    advance(1000 * 24 * TORC_HOUR);
    torc_cancel(self.done);
    assert_ran("0 done!Cancelled ");
}

static void nothing_to_wait_for_is_success(void **state)
{
    trial self = { .nothing_to_wait_for = true };

    (void)state;
    try_it(&self, NULL);
    run_idle();
    assert_ran("0 done- ");
}

/* -- chance -------------------------------------------------------------------------------- */

static unsigned char random_byte;

static void fill(void *bytes, size_t length)
{
    memset(bytes, random_byte, length);
}

static torc_time time_of_second_attempt(double jitter, unsigned char seed)
{
    torc_retry_options options = { .first_delay = 8 * S, .jitter = jitter };
    trial self = { .good_from = 2 };
    torc_time start = torc_now(reactor);
    torc_time waited = 0;

    random_byte = seed;
    torc__set_random_source(fill);
    try_it(&self, &options);
    run_idle();
    while (self.attempts < 2) {
        advance(10 * MS);
        waited = torc_now(reactor) - start;
    }
    torc__set_random_source(NULL);
    record[0] = '\0';
    return waited;
}

static void a_share_of_each_delay_is_left_to_chance(void **state)
{
    torc_time first = time_of_second_attempt(0.25, 1);
    bool differs = false;

    (void)state;
    for (unsigned char seed = 0; seed < 20; seed++) {
        torc_time delay = time_of_second_attempt(0.25, seed);

        assert_in_range(delay, 6 * S, 8 * S);
        differs = differs || delay != first;
        assert_in_range(time_of_second_attempt(0, seed), 4 * S, 8 * S);
        assert_in_range(time_of_second_attempt(1, seed), 0, 8 * S);
        assert_int_equal(time_of_second_attempt(9, seed), time_of_second_attempt(1, seed));
    }
    assert_true(differs);
}

static void the_same_seed_gives_the_same_delays(void **state)
{
    (void)state;
    assert_int_equal(time_of_second_attempt(1, 7), time_of_second_attempt(1, 7));
    assert_int_not_equal(time_of_second_attempt(1, 7), time_of_second_attempt(1, 8));
}

/* -- giving up ----------------------------------------------------------------------------- */

static torc_result see_failure(void *self, torc_result failed)
{
    const torc_failure *failure = torc_result_failure(failed);

    (void)self;
    note("%s: %s", torc_failure_type_of(failure)->name, torc_failure_text(failure));
    if (torc_failure_cause(failure) != NULL)
        note(" <- %s", torc_failure_text(torc_failure_cause(failure)));
    return torc_nothing();
}

static void the_last_failure_is_the_cause_and_the_message_counts(void **state)
{
    torc_retry_options options = { .attempts_max = 3, .jitter = -1 };
    trial self = { 0 };

    (void)state;
    torc_add_errback_for(
        torc_retry(root, &options, attempt, &self), &torc_error_connect, see_failure, NULL);
    advance(TORC_MINUTE);
    assert_ran("0 1 3 ConnectionRefused: gave up after 3 attempts, the last: attempt 3 failed "
               "<- attempt 3 failed");
}

static void there_may_be_only_one_attempt(void **state)
{
    torc_retry_options options = { .attempts_max = 1 };
    trial self = { 0 };

    (void)state;
    torc_add_errback(torc_retry(root, &options, attempt, &self), see_failure, NULL);
    advance(TORC_MINUTE);
    assert_ran("0 ConnectionRefused: gave up after 1 attempt: attempt 1 failed "
               "<- attempt 1 failed");
}

static void what_is_not_worth_it_is_passed_on_as_it_is(void **state)
{
    static const torc_failure_type *const worth[] = {
        &torc_error_connect, &torc_error_timeout, NULL,
    };
    torc_retry_options options = { .worth = worth };
    trial self = { .type = &torc_error_protocol };

    (void)state;
    torc_add_errback(torc_retry(root, &options, attempt, &self), see_failure, NULL);
    advance(TORC_MINUTE);
    assert_ran("0 ProtocolError: attempt 1 failed");
}

static void descendants_of_what_is_worth_it_are_too(void **state)
{
    static const torc_failure_type *const worth[] = {
        &torc_error_timeout, &torc_error_connect, NULL,
    };
    torc_retry_options options = { .worth = worth, .jitter = -1 };
    trial self = { .good_from = 2 };

    (void)state;
    try_it(&self, &options);
    advance(TORC_MINUTE);
    assert_ran("0 1 done=2 ");
}

static void bad_arguments_get_no_second_attempt(void **state)
{
    trial self = { .type = &torc_error_invalid_argument };

    (void)state;
    try_it(&self, NULL);
    advance(TORC_MINUTE);
    assert_ran("0 done!InvalidArgument ");
}

/* -- ends ---------------------------------------------------------------------------------- */

static void may_be_cancelled_before_the_first_attempt(void **state)
{
    trial self = { 0 };

    (void)state;
    try_it(&self, NULL);
    torc_cancel(self.done);
    advance(TORC_MINUTE);
    assert_ran("done!Cancelled ");
}

static void may_be_cancelled_during_an_attempt(void **state)
{
    trial self = { .pending = promise(root, "slow") };

    (void)state;
    try_it(&self, NULL);
    run_idle();
    torc_cancel(self.done);
    advance(TORC_MINUTE);
    assert_ran("0 done!Cancelled slow-cancelled ");
}

static void may_be_cancelled_inside_of_an_attempt(void **state)
{
    trial self = { .pending = promise(root, "slow"), .cancels = true };

    (void)state;
    try_it(&self, NULL);
    advance(TORC_MINUTE);
    assert_ran("0 done!Cancelled slow-cancelled ");
}

static void may_be_cancelled_between_attempts(void **state)
{
    trial self = { 0 };

    (void)state;
    try_it(&self, &plain);
    advance(2 * S);
    torc_cancel(self.done);
    torc_testing_check_clean(reactor);
    advance(TORC_MINUTE);
    assert_ran("0 1 done!Cancelled ");
}

static void an_attempt_that_was_cancelled_is_not_repeated(void **state)
{
    torc_deferred *pending = promise(root, "slow");
    trial self = { .pending = pending };

    (void)state;
    try_it(&self, NULL);
    run_idle();
    torc_cancel(pending);
    advance(TORC_MINUTE);
    assert_ran("0 slow-cancelled done!Cancelled ");
}

static void ends_with_its_scope_at_each_stage(void **state)
{
    (void)state;
    for (int stage = 0; stage < 4; stage++) {
        torc_scope *scope = torc_scope_new(root);
        trial self = { .pending = stage == 1 ? promise(root, "slow") : NULL };

        if (stage == 3)
            self.ends = scope;
        watch(torc_retry(scope, &plain, attempt, &self), "done");
        if (stage != 0)
            run_idle();
        if (stage != 3)
            torc_scope_end(scope);
        self.ends = NULL;
        advance(TORC_MINUTE);
        assert_int_equal(self.attempts, stage == 0 ? 0 : 1);
        assert_null(strstr(record, "done"));
    }
}

static void in_a_scope_that_has_ended_there_is_no_attempt(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    trial self = { 0 };

    (void)state;
    torc_scope_end(scope);
    torc_retry(scope, NULL, attempt, &self);
    run_idle();
    assert_int_equal(self.attempts, 0);
}

static void without_memory_it_fails(void **state)
{
    trial self = { 0 };

    (void)state;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    try_it(&self, NULL);
    allow_allocations();
    spare_allocations_of(0);
    run_idle();
    assert_ran("done!OutOfMemory ");
}

static char kit_said[1000];

static void hear(const char *message)
{
    snprintf(kit_said, sizeof kit_said, "%s", message);
}

static void is_named_among_what_is_pending(void **state)
{
    trial self = { 0 };

    (void)state;
    try_it(&self, &plain);
    advance(2 * S);
    torc_testing_set_fail(hear);
    torc_testing_check_clean(reactor);
    torc_testing_set_fail(fail_test);
    assert_non_null(strstr(kit_said, "1 retry (2 of 5 attempts begun)"));
    torc_cancel(self.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(what_succeeds_is_not_repeated),
        TASK_TEST(delays_grow_by_a_factor),
        TASK_TEST(delays_count_from_the_end_of_an_attempt),
        TASK_TEST(each_option_counts),
        TASK_TEST(delays_may_stay_the_same),
        TASK_TEST(the_longest_delay_is_a_delay),
        TASK_TEST(nothing_to_wait_for_is_success),
        TASK_TEST(a_share_of_each_delay_is_left_to_chance),
        TASK_TEST(the_same_seed_gives_the_same_delays),
        TASK_TEST(the_last_failure_is_the_cause_and_the_message_counts),
        TASK_TEST(there_may_be_only_one_attempt),
        TASK_TEST(what_is_not_worth_it_is_passed_on_as_it_is),
        TASK_TEST(descendants_of_what_is_worth_it_are_too),
        TASK_TEST(bad_arguments_get_no_second_attempt),
        TASK_TEST(may_be_cancelled_before_the_first_attempt),
        TASK_TEST(may_be_cancelled_during_an_attempt),
        TASK_TEST(may_be_cancelled_inside_of_an_attempt),
        TASK_TEST(may_be_cancelled_between_attempts),
        TASK_TEST(an_attempt_that_was_cancelled_is_not_repeated),
        TASK_TEST(ends_with_its_scope_at_each_stage),
        TASK_TEST(in_a_scope_that_has_ended_there_is_no_attempt),
        TASK_TEST(without_memory_it_fails),
        TASK_TEST(is_named_among_what_is_pending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
