/*
 * What a test leaves behind is found: pending work, errors in the log, memory, descriptors.
 */
#include "testing/support.h"

#include <torc/coroutine.h>

#include "base/memory.h"
#include "support/expect_abort.h"
#include "testing/pending.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void nothing(void *argument)
{
    (void)argument;
}

static torc_deferred *no_trigger(void *argument)
{
    (void)argument;
    return NULL;
}

static const torc_protocol_class echo_class = { .name = "Echo" };

/* -- pending work -------------------------------------------------------------------------- */

static void delayed_calls_and_timers_are_pending(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_timer timer = { 0 };

    (void)state;
    torc_call_later(torc_root(reactor), 3 * TORC_SECOND, nothing, NULL);
    torc_call_later(torc_root(reactor), 1500 * TORC_MILLISECOND, nothing, NULL);
    torc_timer_set(&timer, torc_root(reactor), TORC_MINUTE, nothing, NULL);
    torc_testing_check_clean(reactor);
    assert_failed_with("2 delayed calls (in 3 s, in 1.5 s), 1 timer (in 60 s) are pending");
    torc_testing_free(reactor);
    assert_failed_with("2 delayed calls");
}

static void one_delayed_call_is_named_in_the_singular(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_call_later(torc_root(reactor), TORC_SECOND, nothing, NULL);
    torc_testing_free(reactor);
    assert_failed_with("1 delayed call (in 1 s) is pending");
}

static void of_many_only_the_first_are_described(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    for (int i = 1; i <= 20; i++)
        torc_call_later(torc_root(reactor), i * TORC_SECOND, nothing, NULL);
    torc_testing_free(reactor);
    assert_failed_with("20 delayed calls (in 1 s, in 2 s, in 3 s, in 4 s, …) are pending");
}

static void deferreds_are_pending(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_deferred *held;

    (void)state;
    torc_deferred_new(torc_root(reactor), NULL, NULL);
    held = torc_deferred_hold(torc_deferred_fired(torc_root(reactor), torc_nothing()));
    torc_testing_check_clean(reactor);
    assert_failed_with("2 deferreds (not fired, fired, and held) are pending");
    torc_deferred_release(held);
    torc_testing_free(reactor);
    assert_failed_with("1 deferred (not fired) is pending");
}

static torc_result wait_for(void *inner, torc_result result)
{
    (void)result;
    return torc_wait_for(inner);
}

static void it_is_said_why_a_deferred_is_pending(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_deferred *inner = torc_deferred_new(torc_root(reactor), NULL, NULL);
    torc_deferred *outer = torc_deferred_fired(torc_root(reactor), torc_nothing());
    torc_deferred *paused = torc_deferred_fired(torc_root(reactor), torc_nothing());

    (void)state;
    torc_add_callback(outer, wait_for, inner);
    torc_deferred_pause(paused);
    torc_testing_check_clean(reactor);
    assert_failed_with("3 deferreds (not fired, waits for another, paused) are pending");
    torc_deferred_unpause(paused);
    torc_fire(inner, torc_nothing());
    torc_testing_free(reactor);
}

static torc_result sleep_long(torc_scope *scope, void *unused)
{
    (void)unused;
    return torc_sleep(scope, TORC_HOUR);
}

static void coroutines_are_pending_and_named(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_spawn(torc_root(reactor), sleep_long, NULL);
    torc_testing_advance(reactor, TORC_SECOND);
    torc_testing_free(reactor);
    assert_failed_with("1 coroutine (sleep_long) is pending");
}

static void connections_in_the_making_are_pending_and_named(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_scope *scope = torc_scope_new(torc_root(reactor));
    torc__report report = { 0 };

    (void)state;
    torc_connect(scope, "tcp:192.0.2.1:80", torc_factory_of(&echo_class));
    torc_connect(scope, "tcp:192.0.2.2:80", torc_factory_of(&echo_class));
    torc__pending_report(reactor, "client", &report);
    assert_string_equal(report.text,
        "client: 2 deferreds (not fired, not fired), "
        "2 connections in the making (tcp:192.0.2.1:80, tcp:192.0.2.2:80) are pending");
    torc_scope_end(scope);
    torc_testing_free(reactor);
}

static void connections_are_pending_and_named(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_connect_in_memory(
        torc_root(reactor), torc_factory_of(&echo_class), torc_factory_of(&echo_class));
    torc_testing_check_clean(reactor);
    assert_failed_with("2 connections (Echo,0,-, Echo,0,-) are pending");
    torc_testing_free(reactor);
    assert_failed_with("2 connections");
}

static void what_is_in_inner_scopes_is_pending(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_scope *outer = torc_scope_new(torc_root(reactor));
    torc_scope *inner = torc_scope_new(outer);

    (void)state;
    torc_testing_check_clean(reactor);
    assert_not_failed();
    torc_call_later(inner, TORC_SECOND, nothing, NULL);
    torc_testing_check_clean(reactor);
    assert_failed_with("1 delayed call (in 1 s) is pending");
    torc_scope_end(outer);
    torc_testing_free(reactor);
}

static void what_waits_for_an_occasion_is_not_pending(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_scope_on_end(torc_root(reactor), nothing, NULL);
    torc_on_shutdown(torc_root(reactor), TORC_BEFORE_SHUTDOWN, no_trigger, NULL);
    assert_null(torc_on_signal(torc_root(reactor), SIGUSR1, nothing, NULL));
    torc_testing_free(reactor);
}

static void end_quietly(torc_scoped *scoped)
{
    (void)scoped;
}

static void a_member_of_an_unknown_kind_is_pending(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_scoped member = { 0 };

    (void)state;
    torc_scope_add(torc_root(reactor), &member, end_quietly);
    torc_testing_free(reactor);
    assert_failed_with("1 thing of a kind unknown here is pending");
}

static void what_only_needs_a_turn_is_not_pending(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_call_soon(torc_root(reactor), nothing, NULL);
    torc_deferred_fired(torc_root(reactor), torc_nothing());
    torc_testing_free(reactor);
}

/* -- the log ------------------------------------------------------------------------------- */

static void an_error_in_the_log_fails_the_test(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_log_warn("a warning is nobody's business");
    torc_log_error("the disk is on fire");
    torc_testing_free(reactor);
    assert_failed_with("nobody expected this in the log: error [-] the disk is on fire");
    assert_null(strstr(failed_with, "warning"));
}

static void a_failure_that_nobody_took_fails_the_test(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_deferred_fired(torc_root(reactor), torc_fail_with(&torc_error_timeout, "too late"));
    torc_testing_free(reactor);
    assert_failed_with("too late");
}

static void errors_that_were_expected_are_flushed(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_log_error("one of these");
    torc_log_error("another");
    torc_log_critical("one of those");
    assert_int_equal(torc_testing_flush_failures("one of"), 2);
    assert_int_equal(torc_testing_flush_failures("one of"), 0);
    assert_int_equal(torc_testing_flush_failures(NULL), 1);
    torc_testing_free(reactor);
}

static void errors_of_one_test_do_not_fail_the_next(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    torc_log_error("of the first");
    torc_testing_free(reactor);
    assert_failed_with("of the first");
    reactor = torc_testing_reactor();
    torc_testing_free(reactor);
    assert_not_failed();
}

/* -- memory -------------------------------------------------------------------------------- */

static void memory_that_was_not_freed_fails_the_test(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_buffer *kept = torc_buffer_new(1000);
    torc_buffer *other = torc_buffer_new(10);

    (void)state;
    torc_testing_free(reactor);
    assert_failed_with("memory was not freed: 2 blocks, 1");
    torc_buffer_release(kept);
    torc_buffer_release(other);
}

static void it_is_said_how_much_memory_was_not_freed(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    void *blocks[] = { torc__allocate(10), torc__allocate(1000), torc__allocate(20),
        torc__allocate_zeroed(30) };

    (void)state;
    torc_testing_free(reactor);
    assert_failed_with("memory was not freed: 4 blocks, 1060 bytes, the largest of 1000");
    for (size_t i = 0; i < 4; i++)
        torc__free(blocks[i]);
}

static void memory_from_before_the_test_may_stay(void **state)
{
    torc_buffer *kept = torc_buffer_new(1000);
    torc_reactor *reactor = torc_testing_reactor();
    torc_buffer *passing = torc_buffer_new(1000);

    (void)state;
    torc_buffer_release(passing);
    torc_testing_free(reactor);
    torc_buffer_release(kept);
}

static void memory_that_grew_and_was_freed_is_no_leak(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    char *block = torc__allocate(10);

    (void)state;
    for (size_t size = 20; size < 100000; size *= 2)
        block = torc__reallocate(block, size);
    torc__free(block);
    torc_testing_free(reactor);
}

static void memory_that_grew_and_stayed_is_a_leak(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    char *block = torc__reallocate(torc__allocate(10), 5000);

    (void)state;
    torc_testing_free(reactor);
    assert_failed_with("memory was not freed: 1 block, 5000 bytes");
    torc__free(block);
}

static void thousands_of_blocks_are_kept_apart(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    static char *blocks[5000];

    (void)state;
    for (size_t i = 0; i < 5000; i++)
        blocks[i] = torc__allocate(i % 100 + 1);
    for (size_t i = 0; i < 5000; i++)
        if (i != 1234)
            torc__free(blocks[i]);
    torc_testing_free(reactor);
    assert_failed_with("memory was not freed: 1 block, 35 bytes");
    torc__free(blocks[1234]);
}

static void a_copy_for_the_user_is_the_users(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    char *copy = torc_slice_dup(TORC_SLICE("to be freed with free()"));

    (void)state;
    torc_testing_free(reactor);
    free(copy);
}

/* -- descriptors --------------------------------------------------------------------------- */

static void a_descriptor_that_was_left_open_fails_the_test(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    int descriptor = open("/dev/null", O_RDONLY);

    (void)state;
    torc_testing_free(reactor);
    assert_failed_with("was left open: /dev/null");
    close(descriptor);
}

static void a_descriptor_from_before_the_test_may_stay(void **state)
{
    int before = open("/dev/null", O_RDONLY);
    torc_reactor *reactor = torc_testing_reactor();
    int within = open("/dev/null", O_RDONLY);

    (void)state;
    close(within);
    torc_testing_free(reactor);
    close(before);
}

/* -- several ------------------------------------------------------------------------------- */

static void the_younger_of_two_reactors_may_go_first(void **state)
{
    torc_reactor *older = torc_testing_reactor();
    torc_reactor *younger = torc_testing_reactor();

    (void)state;
    torc_testing_free(younger);
    torc_testing_free(older);
}

static void the_older_of_two_reactors_may_go_first(void **state)
{
    torc_reactor *older = torc_testing_reactor();
    torc_reactor *younger = torc_testing_reactor();

    (void)state;
    torc_testing_free(older);
    torc_testing_free(younger);
}

static void the_last_reactor_finds_what_the_first_left(void **state)
{
    torc_reactor *older = torc_testing_reactor();
    torc_buffer *kept = torc_buffer_new(1000);
    int descriptor = open("/dev/null", O_RDONLY);
    torc_reactor *younger = torc_testing_reactor();

    (void)state;
    torc_testing_free(older);
    assert_not_failed();
    torc_testing_free(younger);
    assert_non_null(strstr(failed_with, "was left open: /dev/null"));
    assert_failed_with("memory was not freed: 1 block");
    torc_buffer_release(kept);
    close(descriptor);
}

static void what_was_told_of_is_not_told_of_again(void **state)
{
    torc_reactor *older = torc_testing_reactor();
    torc_reactor *younger = torc_testing_reactor();
    torc_buffer *kept = torc_buffer_new(1000);

    (void)state;
    torc_log_error("once");
    torc_testing_free(younger);
    assert_failed_with("memory was not freed: 1 block");
    torc_testing_free(older);
    assert_not_failed();
    torc_buffer_release(kept);
}

/* As after an assertion that jumped out of a test. */
static void a_reactor_that_was_given_up_does_not_disturb_the_next(void **state)
{
    torc_reactor *given_up = torc_testing_reactor();
    torc_reactor *next;

    (void)state;
    torc_log_error("of the test that failed");
    next = torc_testing_reactor();
    torc_testing_free(next);
    assert_not_failed();
    assert_int_equal(torc_testing_flush_failures(NULL), 1);
    torc_testing_free(given_up);
}

static void all_that_is_wrong_is_told_at_once(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();
    torc_buffer *kept = torc_buffer_new(1000);

    (void)state;
    torc_call_later(torc_root(reactor), TORC_SECOND, nothing, NULL);
    torc_log_error("said in passing");
    torc_testing_free(reactor);
    assert_non_null(strstr(failed_with, "1 delayed call"));
    assert_non_null(strstr(failed_with, "\nnobody expected this in the log"));
    assert_failed_with("\nmemory was not freed");
    torc_buffer_release(kept);
}

static void a_long_report_is_cut(void **state)
{
    torc_reactor *reactor = torc_testing_reactor();

    (void)state;
    for (int i = 0; i < 30; i++)
        torc_log_error("%0999d", i);
    torc_testing_free(reactor);
    assert_int_equal(strlen(failed_with), sizeof(((torc__report *)NULL)->text) - 1);
    assert_failed_with("nobody expected this");
}

static void fail_by_default(void)
{
    torc_testing_set_fail(record_failure);
    torc_testing_set_fail(NULL);
    torc_testing_failed("this is how it ends");
}

static void by_default_a_failure_ends_the_program(void **state)
{
    (void)state;
    expect_abort(fail_by_default, "torc-testing: this is how it ends");
}

static jmp_buf out_of_the_test;

static void jump_out(const char *message)
{
    record_failure(message);
    longjmp(out_of_the_test, 1);
}

static void failing_may_jump_out_and_all_is_freed(void **state)
{
    static torc_reactor *reactor;

    (void)state;
    reactor = torc_testing_reactor();
    torc_call_later(torc_root(reactor), TORC_SECOND, nothing, NULL);
    torc_testing_set_fail(jump_out);
    if (setjmp(out_of_the_test) == 0)
        torc_testing_free(reactor);
    assert_failed_with("1 delayed call");
    reactor = torc_testing_reactor();
    torc_testing_free(reactor);
    assert_not_failed();
}

static void freeing_nothing_is_a_no_op(void **state)
{
    (void)state;
    torc_testing_free(NULL);
    torc_test_free(NULL);
}

static void a_check_of_ones_own_can_fail_the_test(void **state)
{
    (void)state;
    torc_testing_failed("%d is too many", 3);
    assert_failed_with("3 is too many");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(delayed_calls_and_timers_are_pending),
        KIT_TEST(one_delayed_call_is_named_in_the_singular),
        KIT_TEST(of_many_only_the_first_are_described),
        KIT_TEST(deferreds_are_pending),
        KIT_TEST(it_is_said_why_a_deferred_is_pending),
        KIT_TEST(coroutines_are_pending_and_named),
        KIT_TEST(connections_in_the_making_are_pending_and_named),
        KIT_TEST(connections_are_pending_and_named),
        KIT_TEST(what_is_in_inner_scopes_is_pending),
        KIT_TEST(what_waits_for_an_occasion_is_not_pending),
        KIT_TEST(a_member_of_an_unknown_kind_is_pending),
        KIT_TEST(what_only_needs_a_turn_is_not_pending),
        KIT_TEST(an_error_in_the_log_fails_the_test),
        KIT_TEST(a_failure_that_nobody_took_fails_the_test),
        KIT_TEST(errors_that_were_expected_are_flushed),
        KIT_TEST(errors_of_one_test_do_not_fail_the_next),
        KIT_TEST(memory_that_was_not_freed_fails_the_test),
        KIT_TEST(it_is_said_how_much_memory_was_not_freed),
        KIT_TEST(memory_from_before_the_test_may_stay),
        KIT_TEST(memory_that_grew_and_was_freed_is_no_leak),
        KIT_TEST(memory_that_grew_and_stayed_is_a_leak),
        KIT_TEST(thousands_of_blocks_are_kept_apart),
        KIT_TEST(a_copy_for_the_user_is_the_users),
        KIT_TEST(a_descriptor_that_was_left_open_fails_the_test),
        KIT_TEST(a_descriptor_from_before_the_test_may_stay),
        KIT_TEST(the_younger_of_two_reactors_may_go_first),
        KIT_TEST(the_older_of_two_reactors_may_go_first),
        KIT_TEST(the_last_reactor_finds_what_the_first_left),
        KIT_TEST(what_was_told_of_is_not_told_of_again),
        KIT_TEST(a_long_report_is_cut),
        KIT_TEST(by_default_a_failure_ends_the_program),
        KIT_TEST(a_reactor_that_was_given_up_does_not_disturb_the_next),
        KIT_TEST(all_that_is_wrong_is_told_at_once),
        KIT_TEST(failing_may_jump_out_and_all_is_freed),
        KIT_TEST(freeing_nothing_is_a_no_op),
        KIT_TEST(a_check_of_ones_own_can_fail_the_test),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
