/*
 * The io_uring driver in a forked process, which has no part in the ring: what the kernel has in
 * hand there is asked for anew here, and neither process disturbs the other.
 */
#include "reactor/driver/uring_support.h"

#if defined(TORC__HAS_URING)

# include "base/system_call.h"

# include <limits.h>
# include <sys/mman.h>

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

/* Whatever it lacks for a ring of its own: it goes on when it can have that. */
static bool goes_on_after(end *self, const char *call, int error)
{
    torc_time begin = torc_monotonic_now();

    fail_system_calls_named(call, error);
    for (int i = 0; i < 3; i++)
        driver->kind->turn(driver, torc_monotonic_now() + 3 * TORC_MILLISECOND);
    allow_system_calls();
    return torc_monotonic_now() - begin >= 6 * TORC_MILLISECOND && serves(self, "in the child");
}

static void expect_to_go_on_after(const char *call, int error)
{
    end *self = open_pair();
    pid_t child;

    assert_true(serves(self, "before"));
    child = fork();
    if (child == 0)
        leave_child(goes_on_after(self, call, error) ? 0 : 1);
    assert_child_well(child);
    assert_true(serves(self, "in the parent"));
    close_pair(self);
}

static void a_forked_process_goes_on_once_it_can_have_a_ring(void **state)
{
    (void)state;
    expect_to_go_on_after("io_uring_setup", EMFILE);
    expect_to_go_on_after("io_uring_register", ENOMEM);
    expect_to_go_on_after("mmap", ENOMEM);
    expect_to_go_on_after("eventfd", EMFILE);
}

static unsigned count_mappings(void)
{
    FILE *mappings = fopen("/proc/self/maps", "re");
    unsigned count = 0;

    for (int c = getc(mappings); c != EOF; c = getc(mappings))
        count += c == '\n';
    fclose(mappings);
    return count;
}

static bool tries_in_vain_keep_no_memory(void)
{
    unsigned before;

    fail_system_calls_named("eventfd", EMFILE);
    driver->kind->turn(driver, 0);
    before = count_mappings();
    for (int i = 0; i < 20; i++)
        driver->kind->turn(driver, 0);
    return count_mappings() < before + 10;
}

static void what_a_forked_process_tries_in_vain_keeps_no_memory(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0)
        leave_child(tries_in_vain_keep_no_memory() ? 0 : 1);
    assert_child_well(child);
}

/* The last call for memory, which is for the buffers' ring, is refused. */
static unsigned mappings_allowed;

static int refuse_the_last_mapping(const char *name)
{
    return strcmp(name, "mmap") == 0 && mappings_allowed-- == 0 ? ENOMEM : 0;
}

/* Where the other process's ring of buffers was there is memory of somebody else's by now. */
static bool leaves_others_memory_alone(void)
{
    const torc__uring_driver *self = (const torc__uring_driver *)(const void *)driver;
    char *place = (char *)(void *)self->buffers.ring;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    const size_t size = TORC__URING_BUFFERS_MAX * sizeof(struct io_uring_buf);
    unsigned char there;

    if (mmap(place, size, PROT_READ | PROT_WRITE, flags, -1, 0) != place)
        return false;
    mappings_allowed = 3; /* the two queues, and the mark whose they are */
    torc__set_system_call_hook(refuse_the_last_mapping);
    driver->kind->turn(driver, 0);
    torc__set_system_call_hook(NULL);
    return mappings_allowed == UINT_MAX && mincore(place, 1, &there) == 0;
}

static void a_forked_process_that_gets_no_buffers_leaves_others_memory_alone(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0)
        leave_child(leaves_others_memory_alone() ? 0 : 1);
    assert_child_well(child);
}

/* What was closed and not cancelled yet, what was being sent, and what waits in the queue. */
static bool serves_what_was_left_over(end *watched, end *closed)
{
    closed->io.kind->close(&closed->io, false);
    return serves(watched, "in the child");
}

static void what_was_closed_in_a_forked_process_is_let_go_of_there(void **state)
{
    end *first = open_pair();
    end *second = open_pair();
    pid_t child;

    (void)state;
    assert_true(serves(first, "before") && serves(second, "before"));
    second->io.kind->receive(&second->io, false);
    child = fork();
    if (child == 0)
        leave_child(serves_what_was_left_over(first, second) ? 0 : 1);
    assert_child_well(child);
    second->io.kind->receive(&second->io, true);
    assert_true(serves(second, "in the parent"));
    close_pair(first);
    close_pair(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REACTOR_TEST(a_forked_process_goes_on_and_so_does_the_first),
        REACTOR_TEST(a_fork_inside_an_event_loses_nothing_of_the_batch),
        REACTOR_TEST(a_forked_process_frees_the_reactor_and_the_first_goes_on),
        REACTOR_TEST(a_connection_is_closed_though_a_forked_process_lives),
        REACTOR_TEST(a_forked_process_without_a_ring_waits_and_does_not_spin),
        REACTOR_TEST(a_forked_process_goes_on_once_it_can_have_a_ring),
        REACTOR_TEST(what_a_forked_process_tries_in_vain_keeps_no_memory),
        REACTOR_TEST(a_forked_process_that_gets_no_buffers_leaves_others_memory_alone),
        REACTOR_TEST(what_was_closed_in_a_forked_process_is_let_go_of_there),
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
