/*
 * The rings of io_uring by themselves: short ones, so that they are full soon.
 */
#include "reactor/driver/uring_ring.h"

#include "support/driver_works.h"
#include "support/leave_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#if defined(TORC__HAS_URING)

# include <errno.h>
# include <sys/wait.h>
# include <unistd.h>

enum { SUBMITTED = 4, DONE = 8, MANY = 100 };

static torc__uring_ring ring;

static int open_ring(void **state)
{
    const torc__uring_sizes sizes = { SUBMITTED, DONE };

    (void)state;
    return torc__uring_ring_open(&ring, sizes);
}

static int close_ring(void **state)
{
    (void)state;
    torc__uring_ring_close(&ring);
    return 0;
}

static void ask_for_nothing(uint64_t name)
{
    struct io_uring_sqe *entry = torc__uring_ring_entry(&ring);

    assert_non_null(entry);
    entry->opcode = IORING_OP_NOP;
    entry->user_data = name;
}

static void what_is_asked_for_is_answered_in_order(void **state)
{
    struct io_uring_cqe done[DONE];

    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        ask_for_nothing(i);
    assert_int_equal(torc__uring_ring_waiting(&ring), 3);
    assert_int_equal(torc__uring_ring_take(&ring, done, DONE), 0);
    assert_int_equal(torc__uring_ring_enter(&ring, 3, -1), 0);
    assert_int_equal(torc__uring_ring_waiting(&ring), 0);
    assert_int_equal(torc__uring_ring_take(&ring, done, DONE), 3);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(done[i].user_data, i);
}

static void what_is_taken_is_bounded_and_the_rest_stays(void **state)
{
    struct io_uring_cqe done[DONE];

    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        ask_for_nothing(i);
    assert_int_equal(torc__uring_ring_enter(&ring, 0, -1), 0);
    assert_int_equal(torc__uring_ring_take(&ring, done, 2), 2);
    assert_int_equal(torc__uring_ring_take(&ring, done, DONE), 1);
    assert_int_equal(done[0].user_data, 2);
}

/* Both queues overflow many times over, and every answer comes once, in order. */
static void nothing_is_lost_when_the_queues_are_full(void **state)
{
    struct io_uring_cqe done[DONE];
    uint64_t next = 0;

    (void)state;
    for (uint64_t i = 0; i < MANY; i++)
        ask_for_nothing(i);
    for (int round = 0; round < MANY && next < MANY; round++) {
        size_t count;

        (void)torc__uring_ring_enter(&ring, 1, TORC_SECOND);
        count = torc__uring_ring_take(&ring, done, DONE);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(done[i].user_data, next++);
    }
    assert_int_equal(next, MANY);
    assert_int_equal(torc__uring_ring_waiting(&ring), 0);
}

static void waiting_ends_when_the_time_is_over(void **state)
{
    torc_time begin = torc_monotonic_now();

    (void)state;
    assert_int_equal(torc__uring_ring_enter(&ring, 1, 5 * TORC_MILLISECOND), -ETIME);
    assert_true(torc_monotonic_now() - begin >= 5 * TORC_MILLISECOND);
}

static void a_forked_process_knows_that_the_ring_is_not_its_own(void **state)
{
    int status = -1;
    pid_t child;

    (void)state;
    assert_true(torc__uring_ring_is_ours(&ring));
    child = fork();
    if (child == 0) {
        bool ours = torc__uring_ring_is_ours(&ring);

        torc__uring_ring_close(&ring);
        leave_child(ours ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    what_is_asked_for_is_answered_in_order(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_is_asked_for_is_answered_in_order, open_ring, close_ring),
        cmocka_unit_test_setup_teardown(
            what_is_taken_is_bounded_and_the_rest_stays, open_ring, close_ring),
        cmocka_unit_test_setup_teardown(
            nothing_is_lost_when_the_queues_are_full, open_ring, close_ring),
        cmocka_unit_test_setup_teardown(waiting_ends_when_the_time_is_over, open_ring, close_ring),
        cmocka_unit_test_setup_teardown(
            a_forked_process_knows_that_the_ring_is_not_its_own, open_ring, close_ring),
    };

    if (!driver_works("uring"))
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("skipped: this build has no io_uring\n");
    return 0;
}

#endif
