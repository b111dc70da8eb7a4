/*
 * What a readiness driver does where the system will not watch a descriptor: it has no memory for
 * that, or the descriptor is one that never has to be waited for.
 */
#include "reactor/support.h"
#include "support/driver_works.h"
#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include "reactor/driver/readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { MANY = TORC__STRANDED_MAX + 6 };

static torc_reactor *other_reactor;
static torc_driver *driver;
static torc_io ios[MANY];
static int pipe_ends[2];
static unsigned told;
static unsigned warnings;
static bool closes_all;

static void close_all(void)
{
    for (size_t i = 0; i < MANY; i++)
        if (ios[i].kind != NULL)
            (void)ios[i].kind->close(&ios[i], false);
}

static void ready(torc_io *io, bool readable, bool writable)
{
    (void)io;
    (void)writable;
    assert_true(readable);
    told++;
    if (closes_all)
        close_all();
}

static void sent(torc_io *io, size_t count, int error)
{
    (void)io;
    note("sent:%zu:%d ", count, error);
}

static const torc_io_events events = { .ready = ready, .sent = sent };

static void count_warning(void *argument, const torc_log_event *event)
{
    (void)argument;
    warnings += event->level == TORC_LOG_CRITICAL;
}

static void open_driver(const char *name)
{
    other_reactor = torc_reactor_new_named(name, NULL);
    assert_non_null(other_reactor);
    driver = other_reactor->driver;
    memset(ios, 0, sizeof ios);
    told = warnings = 0;
    closes_all = false;
    record[0] = '\0';
}

static int open_epoll(void **state)
{
    (void)state;
    open_driver("epoll");
    torc_log_add_observer(TORC_LOG_CRITICAL, count_warning, NULL);
    return pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK);
}

static int close_epoll(void **state)
{
    (void)state;
    allow_system_calls();
    close_all();
    torc_reactor_free(other_reactor);
    torc_log_remove_observer(count_warning, NULL);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return 0;
}

static void turns(unsigned count)
{
    while (count-- > 0)
        driver->kind->turn(driver, 0);
}

/* -- without memory to watch --------------------------------------------------------------- */

/* Watched for nothing at first, which is possible; then for what is not possible now. */
static void watch_in_vain(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ios[i].events = &events;
        assert_int_equal(driver->kind->watch(driver, &ios[i], pipe_ends[0]), 0);
    }
    fail_system_calls_named("epoll_ctl", ENOMEM);
    for (size_t i = 0; i < count; i++)
        ios[i].kind->watch_for(&ios[i], true, false);
}

static void what_cannot_be_watched_is_told_to_look_for_itself(void **state)
{
    (void)state;
    watch_in_vain(2);
    turns(1);
    assert_int_equal(told, 2);
    turns(1);
    assert_int_equal(told, 4);
    allow_system_calls();
    turns(1); /* told once more, and watched from now on */
    told = 0;
    turns(2);
    assert_int_equal(told, 0);
    assert_int_equal(write(pipe_ends[1], "x", 1), 1);
    turns(1);
    assert_int_equal(told, 2);
}

static void one_that_is_closed_meanwhile_is_told_nothing(void **state)
{
    (void)state;
    watch_in_vain(3);
    assert_true(ios[1].kind->close(&ios[1], false));
    turns(1);
    assert_int_equal(told, 2);
}

static void all_may_be_closed_when_the_first_is_told(void **state)
{
    (void)state;
    watch_in_vain(3);
    closes_all = true;
    turns(2);
    assert_int_equal(told, 1);
}

static void more_than_are_remembered_are_logged(void **state)
{
    (void)state;
    watch_in_vain(MANY);
    assert_int_equal(warnings, MANY - TORC__STRANDED_MAX);
    turns(1);
    assert_int_equal(told, TORC__STRANDED_MAX);
}

static void a_writer_that_cannot_be_watched_gets_the_error(void **state)
{
    static char much[256 * 1024];
    struct iovec piece = { much, sizeof much };
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    ios[0].events = &events;
    assert_int_equal(driver->kind->adopt_stream(driver, &ios[0], ends[1], false, true), 0);
    fail_system_calls_named("epoll_ctl", ENOMEM);
    assert_in_range(ios[0].kind->send(&ios[0], &piece, 1, false), 1, sizeof much - 1);
    turns(1);
    allow_system_calls();
    assert_string_equal(record, "sent:0:12 ");
    close(ends[0]);
}

/* -- what never has to be waited for ------------------------------------------------------- */

static void on_each_driver(void (*test)(int file))
{
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        if (!driver_works(torc_driver_name(i)))
            continue;
        open_driver(torc_driver_name(i));
        test(file);
        close_all();
        torc_reactor_free(other_reactor);
    }
    close(file);
}

static void watch_files(int file)
{
    for (size_t i = 0; i < 3; i++) {
        ios[i].events = &events;
        assert_int_equal(driver->kind->watch(driver, &ios[i], file), 0);
        ios[i].kind->watch_for(&ios[i], true, false);
    }
    turns(2);
    told = 0;
    assert_true(ios[1].kind->close(&ios[1], false));
    turns(1);
    assert_int_equal(told, 2);
    assert_true(ios[2].kind->close(&ios[2], false));
    turns(1);
    assert_int_equal(told, 3);
}

static void the_others_are_told_when_one_that_is_always_ready_goes(void **state)
{
    (void)state;
    on_each_driver(watch_files);
}

/* Where the driver finds out late what it is, it is told all the same. */
static void watch_a_file_without_memory(int file)
{
    int error;

    ios[0].events = &events;
    fail_all_allocations();
    error = driver->kind->watch(driver, &ios[0], file);
    if (error != 0) {
        allow_allocations();
        assert_int_equal(error, -ENOMEM);
        ios[0].kind = NULL;
        return;
    }
    ios[0].kind->watch_for(&ios[0], true, false);
    turns(2);
    allow_allocations();
    assert_true(told > 0);
    told = 0;
    turns(2);
    assert_true(told > 0);
}

static void without_memory_what_is_always_ready_is_refused_or_told(void **state)
{
    (void)state;
    on_each_driver(watch_a_file_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_cannot_be_watched_is_told_to_look_for_itself, open_epoll, close_epoll),
        cmocka_unit_test_setup_teardown(
            one_that_is_closed_meanwhile_is_told_nothing, open_epoll, close_epoll),
        cmocka_unit_test_setup_teardown(
            all_may_be_closed_when_the_first_is_told, open_epoll, close_epoll),
        cmocka_unit_test_setup_teardown(
            more_than_are_remembered_are_logged, open_epoll, close_epoll),
        cmocka_unit_test_setup_teardown(
            a_writer_that_cannot_be_watched_gets_the_error, open_epoll, close_epoll),
        cmocka_unit_test(the_others_are_told_when_one_that_is_always_ready_goes),
        cmocka_unit_test(without_memory_what_is_always_ready_is_refused_or_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
