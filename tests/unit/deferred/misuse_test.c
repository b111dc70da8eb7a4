/*
 * Programming errors: each ends the program with a message that names the call and the remedy.
 */
#include "deferred/support.h"

#include "support/expect_abort.h"
#include "support/failing_allocation.h"

#include <pthread.h>

static void fire_twice(void)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    torc_fire(deferred, torc_integer(1));
    torc_fire(deferred, torc_integer(2));
}

static void swallow_twice(void)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    torc_cancel(deferred);
    torc_fire(deferred, torc_integer(1));
    torc_fire(deferred, torc_integer(2));
}

static void ignore_cancel(torc_deferred *deferred, void *argument)
{
    (void)deferred;
    (void)argument;
}

static void fire_after_the_canceller(void)
{
    torc_deferred *deferred = torc_deferred_new(root, ignore_cancel, NULL);

    torc_cancel(deferred);
    torc_fire(deferred, torc_integer(1));
}

static void fire_a_deferred(void)
{
    torc_fire(torc_deferred_new(root, NULL, NULL),
        torc_wait_for(torc_deferred_new(root, NULL, NULL)));
}

static void wait_for_one_twice(void)
{
    torc_deferred *inner = torc_deferred_new(root, NULL, NULL);

    for (int i = 0; i < 2; i++)
        torc_add_callback(torc_deferred_fired(root, torc_nothing()), wait_for_it, inner);
}

static void wait_for_itself(void)
{
    torc_deferred *deferred = torc_deferred_fired(root, torc_nothing());

    torc_add_callback(deferred, wait_for_it, deferred);
}

static void wait_in_a_ring(void)
{
    torc_deferred *ring[3];

    for (size_t i = 0; i < 3; i++)
        ring[i] = torc_deferred_new(root, NULL, NULL);
    for (size_t i = 0; i < 3; i++)
        torc_add_callback(ring[i], wait_for_it, ring[(i + 1) % 3]);
    for (size_t i = 0; i < 3; i++)
        torc_fire(ring[i], torc_nothing());
}

static void wait_across_reactors(void)
{
    torc_deferred *elsewhere = torc_deferred_new(torc_root(torc_reactor_new()), NULL, NULL);

    torc_add_callback(torc_deferred_fired(root, torc_nothing()), wait_for_it, elsewhere);
}

static void wait_for_nothing(void)
{
    torc_add_callback(torc_deferred_fired(root, torc_nothing()), wait_for_it, NULL);
}

static void use_what_is_gone(void)
{
    torc_deferred *deferred = torc_deferred_fired(root, torc_nothing());

    turn();
    torc_add_callback(deferred, see, "a");
}

static void fire_what_is_gone(void)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    torc_fire(deferred, torc_nothing());
    turn();
    torc_fire(deferred, torc_nothing());
}

static void unpause_too_often(void)
{
    torc_deferred_unpause(torc_deferred_new(root, NULL, NULL));
}

static void release_too_often(void)
{
    torc_deferred_release(torc_deferred_new(root, NULL, NULL));
}

static void *fire_elsewhere(void *deferred)
{
    torc_fire(deferred, torc_nothing());
    return NULL;
}

static void fire_from_a_thread(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, fire_elsewhere, torc_deferred_new(root, NULL, NULL));
    pthread_join(thread, NULL);
}

static void add_a_link_without_memory(void)
{
    torc_deferred *deferred = torc_deferred_new(root, NULL, NULL);

    fail_all_allocations();
    for (int i = 0; i < 5; i++)
        torc_add_callback(deferred, see, "a");
}

static void make_without_memory(void)
{
    fail_all_allocations();
    torc_deferred_new(root, NULL, NULL);
}

/* -- what is said -------------------------------------------------------------------------- */

static void firing_twice_aborts(void **state)
{
    (void)state;
    expect_abort(fire_twice, "torc_fire: this deferred has been fired before");
    expect_abort(swallow_twice, "torc_fire: this deferred was cancelled before");
    expect_abort(fire_after_the_canceller, "once its canceller has returned");
}

static void firing_a_deferred_aborts(void **state)
{
    (void)state;
    expect_abort(fire_a_deferred, "torc_fire: the result is a deferred");
}

static void waiting_for_one_twice_aborts(void **state)
{
    (void)state;
    expect_abort(wait_for_one_twice, "torc_wait_for: another deferred waits for this one");
}

static void waiting_for_itself_aborts(void **state)
{
    (void)state;
    expect_abort(wait_for_itself, "a deferred would wait for itself");
    expect_abort(wait_in_a_ring, "a deferred would wait for itself");
}

static void waiting_across_reactors_aborts(void **state)
{
    (void)state;
    expect_abort(wait_across_reactors, "belongs to another reactor");
}

static void waiting_for_nothing_aborts(void **state)
{
    (void)state;
    expect_abort(wait_for_nothing, "torc_wait_for: this deferred is gone");
}

static void using_what_is_gone_aborts(void **state)
{
    (void)state;
#ifdef TORC_NO_POOLS
    skip(); /* the sanitizer sees it first */
#endif
    expect_abort(use_what_is_gone, "torc_add_callback: this deferred is gone");
    expect_abort(fire_what_is_gone, "torc_fire: this deferred is gone");
}

static void hold_nothing(void)
{
    torc_deferred_hold(NULL);
}

static void release_nothing(void)
{
    torc_deferred_release(NULL);
}

static void has_fired_nothing(void)
{
    (void)torc_deferred_has_fired(NULL);
}

static void pause_nothing(void)
{
    torc_deferred_pause(NULL);
}

static void unpause_nothing(void)
{
    torc_deferred_unpause(NULL);
}

static void cancel_nothing(void)
{
    torc_cancel(NULL);
}

static void each_call_without_a_deferred_aborts_naming_itself(void **state)
{
    (void)state;
    expect_abort(hold_nothing, "torc_deferred_hold: this deferred is gone");
    expect_abort(release_nothing, "torc_deferred_release: this deferred is gone");
    expect_abort(has_fired_nothing, "torc_deferred_has_fired: this deferred is gone");
    expect_abort(pause_nothing, "torc_deferred_pause: this deferred is gone");
    expect_abort(unpause_nothing, "torc_deferred_unpause: this deferred is gone");
    expect_abort(cancel_nothing, "torc_cancel: this deferred is gone");
}

static void undoing_more_than_was_done_aborts(void **state)
{
    (void)state;
    expect_abort(unpause_too_often, "torc_deferred_unpause: this deferred is not paused");
    expect_abort(release_too_often, "torc_deferred_release: this deferred is not held");
}

static void firing_from_another_thread_aborts(void **state)
{
    (void)state;
    expect_abort(fire_from_a_thread, "torc_fire was called from a thread");
}

static void want_of_memory_ends_the_program_with_a_message(void **state)
{
    (void)state;
    expect_abort(make_without_memory, "out of memory while making a deferred");
    expect_abort(add_a_link_without_memory, "out of memory while making a link");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEFERRED_TEST(firing_twice_aborts),
        DEFERRED_TEST(firing_a_deferred_aborts),
        DEFERRED_TEST(waiting_for_one_twice_aborts),
        DEFERRED_TEST(waiting_for_itself_aborts),
        DEFERRED_TEST(waiting_across_reactors_aborts),
        DEFERRED_TEST(waiting_for_nothing_aborts),
        DEFERRED_TEST(using_what_is_gone_aborts),
        DEFERRED_TEST(each_call_without_a_deferred_aborts_naming_itself),
        DEFERRED_TEST(undoing_more_than_was_done_aborts),
        DEFERRED_TEST(firing_from_another_thread_aborts),
        DEFERRED_TEST(want_of_memory_ends_the_program_with_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
