/*
 * The io_uring driver in a forked process, which has no part in the ring: what the kernel has in
 * hand there is asked for anew here, and neither process disturbs the other.
 */
#include "reactor/driver/uring_support.h"

#if defined(TORC__HAS_URING)

/* Ends the child by what it found, which the parent gets. */
static void assert_child_well(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool serves(end *self, const char *words)
{
    size_t before = self->received;

    say(self, words);
    for (int i = 0; i < 100 && self->received < before + strlen(words); i++)
        turn();
    return self->received == before + strlen(words);
}

static void a_forked_process_goes_on_and_so_does_the_first(void **state)
{
    end *self = open_pair();
    pid_t child;

    (void)state;
    assert_true(serves(self, "before"));
    child = fork();
    if (child == 0)
        leave_child(serves(self, "in the child") && serves(self, "again") ? 0 : 1);
    assert_child_well(child);
    assert_true(serves(self, "in the parent"));
    close_pair(self);
}

static pid_t forked;
static bool in_child;

static void fork_once(end *self, torc_slice data)
{
    (void)self;
    (void)data;
    if (forked != 0 || in_child)
        return;
    forked = fork();
    in_child = forked == 0;
}

/* What the kernel had done before the fork is told in both. */
static void a_fork_inside_an_event_loses_nothing_of_the_batch(void **state)
{
    end *first = open_pair();
    end *second = open_pair();

    (void)state;
    when_received = fork_once;
    say(first, "one");
    say(second, "two");
    TURN_UNTIL(first->received == 3 && second->received == 3);
    if (in_child)
        leave_child(serves(first, "child") && serves(second, "child") ? 0 : 1);
    assert_child_well(forked);
    assert_true(serves(first, "parent"));
    close_pair(first);
    close_pair(second);
}

static void a_forked_process_frees_the_reactor_and_the_first_goes_on(void **state)
{
    end *self = open_pair();
    pid_t child;

    (void)state;
    assert_true(serves(self, "before"));
    child = fork();
    if (child == 0) {
        close_pair(self);
        torc_reactor_free(reactor);
        leave_child(0);
    }
    assert_child_well(child);
    assert_true(serves(self, "after"));
    close_pair(self);
}

/* The child holds the ring's descriptor, but nothing that was closed here. */
static void a_connection_is_closed_though_a_forked_process_lives(void **state)
{
    int to_child[2];
    char byte;
    end *self;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(to_child), 0);
    child = fork();
    if (child == 0) {
        close(to_child[1]);
        leave_child((int)read(to_child[0], &byte, 1));
    }
    self = open_pair();
    assert_true(serves(self, "hello"));
    self->io.kind->close(&self->io, false);
    assert_int_equal(read(self->peer, &byte, 1), 0);
    close(self->peer);
    close(to_child[0]);
    close(to_child[1]);
    assert_child_well(child);
}

static void a_forked_process_without_a_ring_waits_and_does_not_spin(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        torc_time begin = torc_monotonic_now();

        fail_system_calls_named("io_uring_setup", EMFILE);
        driver->kind->turn(driver, begin + 10 * TORC_MILLISECOND);
        leave_child(torc_monotonic_now() - begin >= 9 * TORC_MILLISECOND ? 0 : 1);
    }
    assert_child_well(child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REACTOR_TEST(a_forked_process_goes_on_and_so_does_the_first),
        REACTOR_TEST(a_fork_inside_an_event_loses_nothing_of_the_batch),
        REACTOR_TEST(a_forked_process_frees_the_reactor_and_the_first_goes_on),
        REACTOR_TEST(a_connection_is_closed_though_a_forked_process_lives),
        REACTOR_TEST(a_forked_process_without_a_ring_waits_and_does_not_spin),
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
