/*
 * Cooperative tasks: fairness, the bounds of a turn, steering, and every way to end.
 */
#include "task/support.h"

#include <stdlib.h>

typedef struct job {
    torc_cooperative_task task;
    const char *name;
    int steps;            /* until it is done */
    int made;
    torc_result result;   /* at the end */
    torc_deferred *waits; /* what the next step waits for */
    torc_deferred *done;
    torc_scope *ends;     /* with the next step */
    void (*before)(struct job *self); /* what the next step does besides */
} job;

static torc_result step(void *argument)
{
    job *self = argument;
    torc_deferred *waits = self->waits;
    torc_scope *ends = self->ends;

    self->made++;
    if (self->name != NULL)
        note("%s%d ", self->name, self->made);
    self->waits = NULL;
    self->ends = NULL;
    if (self->before != NULL)
        self->before(self);
    torc_scope_end(ends);
    if (waits != NULL)
        return torc_wait_for(waits);
    return self->made < self->steps ? torc_go_on() : self->result;
}

static void start(job *self, const char *name)
{
    self->done = torc_coiterate(&self->task, root, step, self);
    watch(self->done, name);
}

static void start_by(torc_cooperator *cooperator, job *self, const char *name)
{
    self->done = torc_cooperate(cooperator, &self->task, root, step, self);
    watch(self->done, name);
}

static void turn(void)
{
    torc__reactor_turn(reactor);
}

/* -- steps --------------------------------------------------------------------------------- */

static void steps_go_on_until_there_is_a_result(void **state)
{
    job self = { .name = "a", .steps = 3, .result = torc_integer(7) };

    (void)state;
    start(&self, "done");
    assert_ran("");
    assert_int_equal(torc_task_status_of(&self.task), TORC_TASK_RUNNING);
    run_idle();
    assert_ran("a1 a2 a3 done=7 ");
    assert_int_equal(torc_task_status_of(&self.task), TORC_TASK_DONE);
}

static void tasks_take_their_steps_in_turn(void **state)
{
    job a = { .name = "a", .steps = 3 };
    job b = { .name = "b", .steps = 1 };
    job c = { .name = "c", .steps = 2 };

    (void)state;
    start(&a, "A");
    start(&b, "B");
    start(&c, "C");
    run_idle();
    assert_ran("a1 b1 B- c1 a2 c2 C- a3 A- ");
}

static void a_failure_is_the_result(void **state)
{
    job self = { .steps = 1, .result = torc_fail_with(&torc_error_refused, "no") };

    (void)state;
    start(&self, "done");
    run_idle();
    assert_ran("done!ConnectionRefused ");
    assert_int_equal(torc_task_status_of(&self.task), TORC_TASK_FAILED);
}

static void a_failure_that_nobody_takes_is_logged(void **state)
{
    job self = { .steps = 1, .result = torc_fail_with(&torc_error_refused, "not this") };

    (void)state;
    torc_coiterate(&self.task, root, step, &self);
    run_idle();
    assert_int_equal(torc_testing_flush_failures("not this"), 1);
}

static void a_step_may_wait_while_others_go_on(void **state)
{
    job a = { .name = "a", .steps = 2, .waits = promise(root, "slow") };
    job b = { .name = "b", .steps = 2 };
    torc_deferred *slow = a.waits;

    (void)state;
    start(&a, "A");
    start(&b, "B");
    run_idle();
    assert_ran("a1 b1 b2 B- ");
    torc_fire(slow, torc_integer(1));
    assert_ran("");
    run_idle();
    assert_ran("a2 A- ");
}

static void a_step_may_wait_for_what_has_fired(void **state)
{
    job a = { .name = "a", .steps = 2, .waits = torc_deferred_fired(root, torc_integer(3)) };

    (void)state;
    start(&a, "A");
    run_idle();
    assert_ran("a1 a2 A- ");
}

static void what_fails_while_it_waits_is_the_result(void **state)
{
    job a = { .name = "a", .steps = 2, .waits = promise(root, "slow") };
    torc_deferred *slow = a.waits;

    (void)state;
    start(&a, "A");
    run_idle();
    torc_fire(slow, torc_fail_with(&torc_error_refused, "no"));
    run_idle();
    assert_ran("a1 A!ConnectionRefused ");
}

/* -- the bounds of a turn ------------------------------------------------------------------ */

static void a_turn_has_a_bound_of_steps(void **state)
{
    torc_cooperator_options options = { .steps = 10 };
    torc_cooperator *cooperator = torc_cooperator_new(root, &options);
    job a = { .steps = 1000 };
    job b = { .steps = 1000 };

    (void)state;
    start_by(cooperator, &a, "A");
    start_by(cooperator, &b, "B");
    turn();
    assert_int_equal(a.made, 5);
    assert_int_equal(b.made, 5);
    turn();
    assert_int_equal(a.made + b.made, 20);
    run_idle();
    assert_ran("A- B- ");
}

static void each_cooperator_has_a_share_of_its_own(void **state)
{
    torc_cooperator_options options = { .steps = 10 };
    torc_cooperator *few = torc_cooperator_new(root, &options);
    torc_cooperator *usual = torc_cooperator_new(root, NULL);
    job a = { .steps = 2000 };
    job b = { .steps = 2000 };

    (void)state;
    start_by(few, &a, "A");
    start_by(usual, &b, "B");
    turn();
    assert_int_equal(a.made, 10);
    assert_int_equal(b.made, 1024);
    torc_task_stop(&a.task);
    torc_task_stop(&b.task);
    assert_ran("A!Cancelled B!Cancelled ");
}

typedef struct spinner {
    torc_cooperative_task task;
    int made;
} spinner;

static torc_result spin(void *argument)
{
    spinner *self = argument;
    torc_time until = torc_monotonic_now() + MS;

    while (torc_monotonic_now() < until)
        continue;
    return ++self->made < 100 ? torc_go_on() : torc_nothing();
}

/* In real time, because only there a step may take any. */
static void a_turn_has_a_bound_of_time(void **state)
{
    torc_reactor *real = torc_reactor_new();
    spinner self = { 0 };

    (void)state;
    torc_coiterate(&self.task, torc_root(real), spin, &self);
    torc_iterate(real, 0);
    assert_in_range(self.made, 1, 10);
    torc_reactor_free(real);
}

static void allocates_nothing_per_step(void **state)
{
    job self = { .steps = 100000 };

    (void)state;
    start(&self, "done");
    turn();
    count_allocations();
    run_idle();
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
    assert_ran("done- ");
}

static torc_result wait_now_and_then(void *argument)
{
    int *left = argument;

    return --*left > 0 ? torc_wait_for(torc_after(root, MS)) : torc_nothing();
}

static void allocates_nothing_per_wait_once_warm(void **state)
{
    torc_cooperative_task task = { 0 };
    int left = 1000;

    (void)state;
#if defined(TORC_NO_POOLS)
    skip();
#endif
    torc_coiterate(&task, root, wait_now_and_then, &left);
    advance(3 * MS);
    count_allocations();
    advance(S);
    assert_int_equal(allocations_counted(), 0);
    allow_allocations();
    assert_int_equal(torc_task_status_of(&task), TORC_TASK_DONE);
}

/* -- steering ------------------------------------------------------------------------------ */

static void pauses_are_counted(void **state)
{
    job self = { .name = "a", .steps = 2 };

    (void)state;
    start(&self, "done");
    assert_int_equal(torc_task_pause(&self.task), TORC_TASK_RUNNING);
    torc_task_pause(&self.task);
    run_idle();
    torc_task_resume(&self.task);
    run_idle();
    assert_ran("");
    assert_int_equal(torc_task_resume(&self.task), TORC_TASK_RUNNING);
    run_idle();
    assert_ran("a1 a2 done- ");
}

static void pause_itself(job *self)
{
    torc_task_pause(&self->task);
    self->before = NULL;
}

static void may_be_paused_in_its_own_step(void **state)
{
    job a = { .name = "a", .steps = 2, .before = pause_itself };
    job b = { .name = "b", .steps = 2 };

    (void)state;
    start(&a, "A");
    start(&b, "B");
    run_idle();
    assert_ran("a1 b1 b2 B- ");
    torc_task_resume(&a.task);
    run_idle();
    assert_ran("a2 A- ");
}

static void may_be_paused_while_it_waits(void **state)
{
    job self = { .name = "a", .steps = 2, .waits = promise(root, "slow") };
    torc_deferred *slow = self.waits;

    (void)state;
    start(&self, "done");
    run_idle();
    torc_task_pause(&self.task);
    torc_fire(slow, torc_nothing());
    run_idle();
    assert_ran("a1 ");
    torc_task_resume(&self.task);
    run_idle();
    assert_ran("a2 done- ");
}

static void resumed_while_it_waits_it_goes_on_waiting(void **state)
{
    job self = { .name = "a", .steps = 2, .waits = promise(root, "slow") };
    torc_deferred *slow = self.waits;

    (void)state;
    start(&self, "done");
    run_idle();
    torc_task_pause(&self.task);
    torc_task_resume(&self.task);
    run_idle();
    assert_ran("a1 ");
    torc_fire(slow, torc_nothing());
    run_idle();
    assert_ran("a2 done- ");
}

static void stopped_it_fails_as_cancelled(void **state)
{
    job self = { .name = "a", .steps = 2 };

    (void)state;
    start(&self, "done");
    assert_int_equal(torc_task_stop(&self.task), TORC_TASK_RUNNING);
    assert_ran("done!Cancelled ");
    assert_int_equal(torc_task_stop(&self.task), TORC_TASK_STOPPED);
    assert_int_equal(torc_task_pause(&self.task), TORC_TASK_STOPPED);
    assert_int_equal(torc_task_resume(&self.task), TORC_TASK_STOPPED);
    run_idle();
    assert_ran("");
}

static void a_stop_that_nobody_waits_for_is_not_logged(void **state)
{
    job self = { .steps = 2 };

    (void)state;
    torc_coiterate(&self.task, root, step, &self);
    torc_task_stop(&self.task);
    run_idle();
    assert_int_equal(torc_testing_flush_failures(NULL), 0);
}

static void stop_itself(job *self)
{
    assert_int_equal(torc_task_stop(&self->task), TORC_TASK_RUNNING);
    note("stopping ");
}

static void stopped_in_its_own_step_it_ends_after_it(void **state)
{
    job self = { .name = "a", .steps = 2, .before = stop_itself };

    (void)state;
    self.waits = promise(root, "unwanted");
    start(&self, "done");
    run_idle();
    assert_ran("a1 stopping done!Cancelled unwanted-cancelled ");
    assert_int_equal(torc_task_status_of(&self.task), TORC_TASK_STOPPED);
}

static void stopped_while_it_waits_it_cancels_what_it_waits_for(void **state)
{
    job self = { .name = "a", .steps = 2, .waits = promise(root, "slow") };

    (void)state;
    start(&self, "done");
    run_idle();
    torc_task_stop(&self.task);
    run_idle();
    assert_ran("a1 done!Cancelled slow-cancelled ");
}

static void cancelling_stops_it(void **state)
{
    job self = { .name = "a", .steps = 2 };

    (void)state;
    start(&self, "done");
    torc_cancel(self.done);
    assert_ran("done!Cancelled ");
    assert_int_equal(torc_task_status_of(&self.task), TORC_TASK_STOPPED);
    run_idle();
    assert_ran("");
}

static void what_is_over_says_how(void **state)
{
    job done = { .steps = 1 };
    job failed = { .steps = 1, .result = torc_fail_with(&torc_error_refused, "no") };
    job never = { 0 };

    (void)state;
    start(&done, "done");
    start(&failed, "failed");
    run_idle();
    assert_int_equal(torc_task_stop(&done.task), TORC_TASK_DONE);
    assert_int_equal(torc_task_pause(&failed.task), TORC_TASK_FAILED);
    assert_int_equal(torc_task_resume(&never.task), TORC_TASK_NOT_STARTED);
}

static void may_be_started_again_when_it_is_over(void **state)
{
    job self = { .name = "a", .steps = 1 };

    (void)state;
    start(&self, "done");
    torc_task_pause(&self.task);
    torc_task_stop(&self.task);
    start(&self, "again");
    run_idle();
    assert_ran("done!Cancelled a1 again- ");
}

static job *other;

static void stop_the_other(job *self)
{
    (void)self;
    torc_task_stop(&other->task);
}

static void a_step_may_stop_another_task(void **state)
{
    job a = { .name = "a", .steps = 2, .before = stop_the_other };
    job b = { .name = "b", .steps = 2 };
    job c = { .name = "c", .steps = 2 };

    (void)state;
    other = &b;
    start(&a, "A");
    start(&b, "B");
    start(&c, "C");
    run_idle();
    assert_ran("a1 B!Cancelled c1 a2 A- c2 C- ");
}

/* -- cooperators --------------------------------------------------------------------------- */

static void a_cooperator_may_wait_to_be_started(void **state)
{
    torc_cooperator_options options = { .waits = true };
    torc_cooperator *cooperator = torc_cooperator_new(root, &options);
    job self = { .name = "a", .steps = 2 };

    (void)state;
    start_by(cooperator, &self, "done");
    run_idle();
    assert_ran("");
    torc_cooperator_start(cooperator);
    torc_cooperator_start(cooperator);
    assert_ran("");
    run_idle();
    assert_ran("a1 a2 done- ");
}

static void stopping_a_cooperator_stops_its_tasks(void **state)
{
    torc_cooperator *cooperator = torc_cooperator_new(root, NULL);
    job ready = { .name = "a", .steps = 2 };
    job waiting = { .name = "b", .steps = 2, .waits = promise(root, "slow") };
    job paused = { .name = "c", .steps = 2 };
    job elsewhere = { .name = "d", .steps = 1 };
    job late = { .name = "e", .steps = 1 };

    (void)state;
    start_by(cooperator, &waiting, "B");
    run_idle();
    start_by(cooperator, &ready, "A");
    start_by(cooperator, &paused, "C");
    start(&elsewhere, "D");
    torc_task_pause(&paused.task);
    torc_cooperator_stop(cooperator);
    torc_cooperator_stop(cooperator);
    start_by(cooperator, &late, "E");
    run_idle();
    assert_ran("b1 A!Cancelled B!Cancelled C!Cancelled E!Cancelled d1 D- slow-cancelled ");
    torc_cooperator_start(cooperator);
    start_by(cooperator, &late, "E");
    run_idle();
    assert_ran("e1 E- ");
}

static torc_cooperator *stops_next;

static void stop_cooperator(job *self)
{
    (void)self;
    torc_cooperator_stop(stops_next);
}

static void a_step_may_stop_its_cooperator(void **state)
{
    torc_cooperator *cooperator = torc_cooperator_new(root, NULL);
    job a = { .name = "a", .steps = 2, .before = stop_cooperator };
    job b = { .name = "b", .steps = 2 };

    (void)state;
    stops_next = cooperator;
    start_by(cooperator, &a, "A");
    start_by(cooperator, &b, "B");
    run_idle();
    assert_ran("a1 B!Cancelled A!Cancelled ");
}

static void tasks_are_told_that_their_cooperator_has_ended(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_cooperator *cooperator = torc_cooperator_new(scope, NULL);
    job ready = { .name = "a", .steps = 2 };
    job waiting = { .name = "b", .steps = 2, .waits = promise(root, "slow") };
    job late = { .name = "c", .steps = 2 };

    (void)state;
    start_by(cooperator, &waiting, "B");
    run_idle();
    start_by(cooperator, &ready, "A");
    torc_scope_end(scope);
    assert_int_equal(torc_task_status_of(&ready.task), TORC_TASK_STOPPED);
    assert_ran("b1 ");
    torc_cooperator_stop(cooperator);
    torc_cooperator_start(cooperator);
    start_by(cooperator, &late, "late");
    assert_ran("late!Cancelled ");
    run_idle();
    assert_non_null(strstr(record, "A!Cancelled "));
    assert_non_null(strstr(record, "B!Cancelled "));
    assert_non_null(strstr(record, "slow-cancelled "));
    assert_int_equal(strlen(record), strlen("A!Cancelled B!Cancelled slow-cancelled "));
}

static void its_cooperator_may_end_in_a_step(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_cooperator *cooperator = torc_cooperator_new(scope, NULL);
    job a = { .name = "a", .steps = 2, .ends = scope };
    job b = { .name = "b", .steps = 2 };

    (void)state;
    start_by(cooperator, &a, "A");
    start_by(cooperator, &b, "B");
    run_idle();
    assert_non_null(strstr(record, "A!Cancelled "));
    assert_non_null(strstr(record, "B!Cancelled "));
    assert_int_equal(a.made + b.made, 1);
}

static void a_cooperator_and_its_tasks_may_end_in_one_stroke(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    torc_cooperator *cooperator = torc_cooperator_new(scope, NULL);
    job before = { .name = "a", .steps = 2 };

    (void)state;
    watch(torc_cooperate(cooperator, &before.task, scope, step, &before), "A");
    torc_scope_end(scope);
    run_idle();
    assert_ran("");
}

/* -- scopes and memory --------------------------------------------------------------------- */

static void ends_with_its_scope(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    job a = { .name = "a", .steps = 2 };
    job b = { .name = "b", .steps = 2, .waits = promise(root, "slow") };

    (void)state;
    watch(torc_coiterate(&b.task, scope, step, &b), "B");
    run_idle();
    watch(torc_coiterate(&a.task, scope, step, &a), "A");
    torc_scope_end(scope);
    assert_int_equal(torc_task_status_of(&a.task), TORC_TASK_STOPPED);
    run_idle();
    assert_ran("b1 slow-cancelled ");
}

static torc_result end_and_free(void *argument)
{
    job *self = argument;

    torc_scope_end(self->ends);
    free(self);
    return torc_wait_for(promise(root, "unwanted"));
}

static void its_scope_may_end_and_its_memory_go_in_its_step(void **state)
{
    job *self = calloc(1, sizeof(*self));
    job other_job = { .name = "b", .steps = 2 };

    (void)state;
    self->ends = torc_scope_new(root);
    torc_coiterate(&self->task, self->ends, end_and_free, self);
    start(&other_job, "B");
    run_idle();
    assert_non_null(strstr(record, "b1 b2 B- "));
    assert_non_null(strstr(record, "unwanted-cancelled "));
}

static torc_result free_job(void *self, torc_result result)
{
    free(self);
    return see((void *)(uintptr_t) "freed", result);
}

static void its_memory_may_go_in_the_callback_of_its_end(void **state)
{
    job *self = calloc(1, sizeof(*self));

    (void)state;
    self->steps = 1;
    torc_add_both(torc_coiterate(&self->task, root, step, self), free_job, self);
    run_idle();
    assert_ran("freed- ");
}

/* The step waits for what has failed already: the end comes before the step's caller is back. */
static void its_memory_may_go_when_what_it_waits_for_has_failed(void **state)
{
    job *self = calloc(1, sizeof(*self));

    (void)state;
    self->waits = torc_deferred_fired(root, torc_fail_with(&torc_error_refused, "no"));
    torc_add_both(torc_coiterate(&self->task, root, step, self), free_job, self);
    run_idle();
    assert_ran("freed!ConnectionRefused ");
}

static void in_a_scope_that_has_ended_it_does_not_run(void **state)
{
    torc_scope *scope = torc_scope_new(root);
    job self = { .name = "a", .steps = 2 };

    (void)state;
    torc_scope_end(scope);
    torc_coiterate(&self.task, scope, step, &self);
    assert_null(torc_cooperator_new(scope, NULL));
    assert_int_equal(torc_task_status_of(&self.task), TORC_TASK_STOPPED);
    run_idle();
    assert_ran("");
}

static void without_memory_it_fails(void **state)
{
    job self = { .steps = 1 };

    (void)state;
    spare_allocations_of(torc__deferred_size);
    fail_all_allocations();
    start(&self, "done");
    assert_null(torc_cooperator_new(root, NULL));
    allow_allocations();
    spare_allocations_of(0);
    assert_ran("done!OutOfMemory ");
    start(&self, "done");
    run_idle();
    assert_ran("done- ");
}

static char kit_said[1000];

static void hear(const char *message)
{
    snprintf(kit_said, sizeof kit_said, "%s", message);
}

static void is_named_among_what_is_pending(void **state)
{
    job paused = { .steps = 1 };
    job waiting = { .steps = 1, .waits = promise(root, "slow") };

    (void)state;
    start(&paused, "paused");
    start(&waiting, "waiting");
    torc_task_pause(&paused.task);
    torc_testing_set_fail(hear);
    torc_testing_check_clean(reactor);
    torc_testing_set_fail(fail_test);
    assert_non_null(strstr(kit_said, "2 cooperative tasks (paused, waits for a deferred)"));
    torc_task_stop(&paused.task);
    torc_task_stop(&waiting.task);
}

/* -- programming errors -------------------------------------------------------------------- */

static void resume_what_is_not_paused(void)
{
    job self = { .steps = 2 };

    start(&self, "done");
    torc_task_resume(&self.task);
}

static void start_twice(void)
{
    job self = { .steps = 2 };

    start(&self, "done");
    start(&self, "done");
}

static void each_misuse_aborts_and_says_why(void **state)
{
    (void)state;
    expect_abort(resume_what_is_not_paused, "torc_task_resume: this task is not paused");
    expect_abort(start_twice, "torc_cooperate: this task is under way");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(steps_go_on_until_there_is_a_result),
        TASK_TEST(tasks_take_their_steps_in_turn),
        TASK_TEST(a_failure_is_the_result),
        TASK_TEST(a_failure_that_nobody_takes_is_logged),
        TASK_TEST(a_step_may_wait_while_others_go_on),
        TASK_TEST(a_step_may_wait_for_what_has_fired),
        TASK_TEST(what_fails_while_it_waits_is_the_result),
        TASK_TEST(a_turn_has_a_bound_of_steps),
        TASK_TEST(each_cooperator_has_a_share_of_its_own),
        cmocka_unit_test(a_turn_has_a_bound_of_time),
        TASK_TEST(allocates_nothing_per_step),
        TASK_TEST(allocates_nothing_per_wait_once_warm),
        TASK_TEST(pauses_are_counted),
        TASK_TEST(may_be_paused_in_its_own_step),
        TASK_TEST(may_be_paused_while_it_waits),
        TASK_TEST(resumed_while_it_waits_it_goes_on_waiting),
        TASK_TEST(stopped_it_fails_as_cancelled),
        TASK_TEST(a_stop_that_nobody_waits_for_is_not_logged),
        TASK_TEST(stopped_in_its_own_step_it_ends_after_it),
        TASK_TEST(stopped_while_it_waits_it_cancels_what_it_waits_for),
        TASK_TEST(cancelling_stops_it),
        TASK_TEST(what_is_over_says_how),
        TASK_TEST(may_be_started_again_when_it_is_over),
        TASK_TEST(a_step_may_stop_another_task),
        TASK_TEST(a_cooperator_may_wait_to_be_started),
        TASK_TEST(stopping_a_cooperator_stops_its_tasks),
        TASK_TEST(a_step_may_stop_its_cooperator),
        TASK_TEST(tasks_are_told_that_their_cooperator_has_ended),
        TASK_TEST(its_cooperator_may_end_in_a_step),
        TASK_TEST(a_cooperator_and_its_tasks_may_end_in_one_stroke),
        TASK_TEST(ends_with_its_scope),
        TASK_TEST(its_scope_may_end_and_its_memory_go_in_its_step),
        TASK_TEST(its_memory_may_go_in_the_callback_of_its_end),
        TASK_TEST(its_memory_may_go_when_what_it_waits_for_has_failed),
        TASK_TEST(in_a_scope_that_has_ended_it_does_not_run),
        TASK_TEST(without_memory_it_fails),
        TASK_TEST(is_named_among_what_is_pending),
        TASK_TEST(each_misuse_aborts_and_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
