/*
 * Many jobs, some at once: the bound, what the result is, and every way to end.
 */
#include "task/support.h"

typedef struct list {
    size_t count;
    size_t next;
    size_t active;
    size_t most_active;
    torc_scope *scope;    /* of the jobs */
    torc_time each;       /* a job takes so long; below 0: it is over at once */
    size_t fails_from;    /* such a job and those after it fail; 0: none */
    torc_scope *ends;     /* by the job with index 2 */
    torc_deferred *all;
    bool cancels;         /* in the asking for the job with index 2 */
} list;

static torc_result job_over(void *argument, torc_result result)
{
    list *self = argument;

    self->active--;
    return result;
}

static torc_result job_fails(void *argument, torc_result result)
{
    (void)argument;
    (void)result;
    return torc_fail_with(&torc_error_refused, "job refused");
}

static torc_deferred *next_job(void *argument)
{
    list *self = argument;
    size_t index = self->next;
    torc_deferred *job;

    if (index == self->count)
        return NULL;
    self->next++;
    self->active++;
    if (self->active > self->most_active)
        self->most_active = self->active;
    job = self->each < 0 ? torc_deferred_fired(self->scope, torc_nothing())
                         : torc_after(self->scope, self->each);
    if (self->fails_from != 0 && index >= self->fails_from)
        torc_add_callback(job, job_fails, self);
    torc_add_both(job, job_over, self);
    if (index == 2 && self->cancels)
        torc_cancel(self->all);
    if (index == 2)
        torc_scope_end(self->ends);
    return job;
}

static torc_result see_summary(void *self, torc_result result)
{
    const torc_jobs_summary *summary = torc_result_jobs(result);

    (void)self;
    note("%zu+%zu ", summary->succeeded, summary->failed);
    if (summary->first_failure != NULL)
        note("(%s) ", torc_failure_text(summary->first_failure));
    return torc_nothing();
}

static torc_deferred *run_in(torc_scope *scope, list *self, size_t at_once, bool keeps_going)
{
    torc_jobs_options options = {
        .next = next_job,
        .argument = self,
        .at_once = at_once,
        .keeps_going = keeps_going,
    };

    if (self->scope == NULL)
        self->scope = root;
    self->all = torc_run_jobs(scope, &options);
    torc_add_callback(self->all, see_summary, NULL);
    watch(self->all, "all");
    return self->all;
}

static void run(list *self, size_t at_once)
{
    run_in(root, self, at_once, false);
}

/* -- running ------------------------------------------------------------------------------- */

static void runs_so_many_at_once_and_no_more(void **state)
{
    list self = { .count = 1000, .each = S };

    (void)state;
    run(&self, 8);
    assert_int_equal(self.next, 0);
    run_idle();
    assert_int_equal(self.next, 8);
    advance(124 * S);
    assert_ran("");
    advance(S);
    assert_int_equal(self.most_active, 8);
    assert_int_equal(self.next, 1000);
    assert_ran("1000+0 all- ");
}

static void no_jobs_are_soon_done(void **state)
{
    list self = { 0 };

    (void)state;
    run(&self, 0);
    assert_ran("");
    run_idle();
    assert_ran("0+0 all- ");
}

static void ten_at_once_unless_it_is_said(void **state)
{
    list self = { .count = 50, .each = S };

    (void)state;
    run(&self, 0);
    advance(10 * S);
    assert_int_equal(self.most_active, 10);
    assert_ran("50+0 all- ");
}

static void fewer_jobs_than_may_run_at_once(void **state)
{
    list self = { .count = 3, .each = S };

    (void)state;
    run(&self, 100);
    advance(S);
    assert_ran("3+0 all- ");
}

/* Neither the stack nor the other work of the loop suffers. */
static void jobs_that_are_over_at_once_take_turns_with_the_loop(void **state)
{
    list self = { .count = 100000, .each = -1 };

    (void)state;
    run(&self, 100);
    torc__reactor_turn(reactor);
    assert_in_range(self.next, 1, 200);
    run_idle();
    assert_ran("100000+0 all- ");
}

static torc_deferred *next_of_different_length(void *argument)
{
    list *self = argument;

    if (self->next == self->count)
        return NULL;
    self->next++;
    return torc_after(root, (torc_time)(self->next % 7) * S);
}

static void a_slot_is_used_again_as_soon_as_it_is_free(void **state)
{
    list self = { .count = 70 };
    torc_jobs_options options = {
        .next = next_of_different_length, .argument = &self, .at_once = 2,
    };

    (void)state;
    watch(torc_run_jobs(root, &options), "all");
    advance(104 * S);
    assert_ran("");
    advance(3 * S);
    assert_ran("all:summary of jobs ");
}

static void memory_is_for_those_at_once(void **state)
{
    list self = { .count = 10000, .each = S };

    (void)state;
#if defined(TORC_NO_POOLS)
    skip();
#endif
    run(&self, 10);
    advance(3 * S);
    count_allocations();
    advance(900 * S);
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
    advance(100 * S);
    assert_ran("10000+0 all- ");
}

/* -- failures ------------------------------------------------------------------------------ */

static void the_first_failure_ends_it_and_cancels_the_rest(void **state)
{
    list self = { .count = 100, .each = S, .fails_from = 5 };

    (void)state;
    run(&self, 4);
    advance(2 * S);
    assert_ran("all!ConnectionRefused ");
    assert_int_equal(self.active, 0);
    assert_in_range(self.next, 6, 8);
    advance(5 * S);
    assert_in_range(self.next, 6, 8);
}

static void kept_going_it_counts_failures_and_keeps_the_first(void **state)
{
    list self = { .count = 100, .each = S, .fails_from = 40 };

    (void)state;
    run_in(root, &self, 4, true);
    advance(25 * S);
    assert_ran("40+60 (job refused) all- ");
}

static void the_summary_may_be_kept(void **state)
{
    list self = { .count = 3, .each = S, .fails_from = 2 };
    torc_jobs_options options = {
        .next = next_job, .argument = &self, .keeps_going = true,
    };
    torc_deferred *all;
    torc_result result;

    (void)state;
    self.scope = root;
    all = torc_deferred_hold(torc_run_jobs(root, &options));
    advance(S);
    assert_true(torc_deferred_result(all, &result));
    torc_result_hold(result);
    torc_deferred_release(all);
    run_idle();
    assert_int_equal(torc_result_jobs(result)->succeeded, 2);
    assert_string_equal(
        torc_failure_text(torc_result_jobs(result)->first_failure), "job refused");
    torc_result_release(result);
}

/* -- ends ---------------------------------------------------------------------------------- */

static void cancelling_cancels_what_is_under_way_and_begins_no_more(void **state)
{
    list self = { .count = 100, .each = S };

    (void)state;
    run(&self, 4);
    advance(S / 2);
    torc_cancel(self.all);
    assert_ran("all!Cancelled ");
    run_idle();
    assert_int_equal(self.active, 0);
    advance(5 * S);
    assert_int_equal(self.next, 4);
}

static void cancelled_before_the_first_job_there_is_none(void **state)
{
    list self = { .count = 100, .each = S };

    (void)state;
    run(&self, 4);
    torc_cancel(self.all);
    advance(5 * S);
    assert_ran("all!Cancelled ");
    assert_int_equal(self.next, 0);
}

static void may_be_cancelled_while_it_asks_for_a_job(void **state)
{
    list self = { .count = 100, .each = S, .cancels = true };

    (void)state;
    run(&self, 4);
    run_idle();
    assert_ran("all!Cancelled ");
    assert_int_equal(self.next, 3);
    assert_int_equal(self.active, 0);
}

static void ends_with_its_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    list self = { .count = 100, .each = S };

    (void)state;
    run_in(scope, &self, 4, false);
    advance(S / 2);
    torc_scope_end(scope);
    run_idle();
    assert_ran("");
    assert_int_equal(self.active, 0);
    advance(5 * S);
    assert_int_equal(self.next, 4);
}

static void its_scope_may_end_while_it_asks_for_a_job(void **state)
{
    list self = { .count = 100, .each = S, .ends = torc_scope_new(root) };

    (void)state;
    run_in(self.ends, &self, 4, false);
    advance(5 * S);
    assert_ran("");
    assert_int_equal(self.next, 3);
    assert_int_equal(self.active, 0);
}

static void the_scope_of_the_jobs_may_end_before(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    list self = { .count = 4, .each = S, .scope = scope };

    (void)state;
    run_in(root, &self, 4, true);
    advance(S / 2);
    torc_scope_end(scope);
    run_idle();
    assert_ran("0+4 (the scope of what was waited for has ended) all- ");
}

static void in_a_scope_that_has_ended_nothing_runs(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    list self = { .count = 4, .each = S };
    torc_jobs_options options = { .next = next_job, .argument = &self };

    (void)state;
    torc_scope_end(scope);
    torc_run_jobs(scope, &options);
    run_idle();
    assert_int_equal(self.next, 0);
}

static void without_memory_it_fails(void **state)
{
    torc_jobs_options options = { .at_once = SIZE_MAX / 4 };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        list self = { .count = 4, .each = S };

        spare_allocations_of(torc__deferred_size);
        fail_allocation_after(i);
        run(&self, 4);
        allow_allocations();
        spare_allocations_of(0);
        run_idle();
        assert_ran("all!OutOfMemory ");
        assert_int_equal(self.next, 0);
    }
    watch(torc_run_jobs(root, &options), "many");
    assert_ran("many!OutOfMemory ");
}

static char kit_said[1000];

static void hear(const char *message)
{
    snprintf(kit_said, sizeof kit_said, "%s", message);
}

static void is_named_among_what_is_pending(void **state)
{
    list self = { .count = 100, .each = S };

    (void)state;
    run(&self, 3);
    advance(2 * S);
    torc_testing_set_fail(hear);
    torc_testing_check_clean(reactor);
    torc_testing_set_fail(fail_test);
    assert_non_null(strstr(kit_said, "1 run of jobs (3 under way, 6 done)"));
    torc_cancel(self.all);
    run_idle();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(runs_so_many_at_once_and_no_more),
        TASK_TEST(no_jobs_are_soon_done),
        TASK_TEST(ten_at_once_unless_it_is_said),
        TASK_TEST(fewer_jobs_than_may_run_at_once),
        TASK_TEST(jobs_that_are_over_at_once_take_turns_with_the_loop),
        TASK_TEST(a_slot_is_used_again_as_soon_as_it_is_free),
        TASK_TEST(memory_is_for_those_at_once),
        TASK_TEST(the_first_failure_ends_it_and_cancels_the_rest),
        TASK_TEST(kept_going_it_counts_failures_and_keeps_the_first),
        TASK_TEST(the_summary_may_be_kept),
        TASK_TEST(cancelling_cancels_what_is_under_way_and_begins_no_more),
        TASK_TEST(cancelled_before_the_first_job_there_is_none),
        TASK_TEST(may_be_cancelled_while_it_asks_for_a_job),
        TASK_TEST(ends_with_its_scope),
        TASK_TEST(its_scope_may_end_while_it_asks_for_a_job),
        TASK_TEST(the_scope_of_the_jobs_may_end_before),
        TASK_TEST(in_a_scope_that_has_ended_nothing_runs),
        TASK_TEST(without_memory_it_fails),
        TASK_TEST(is_named_among_what_is_pending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
