/*
 * Watching a foreign descriptor: when the call comes, how it is changed and stopped, and what
 * happens to the descriptor's number.
 */
#include <torc/watch.h>

#include "reactor/support.h"
#include "base/system_call.h"
#include "support/driver_works.h"
#include "support/failing_allocation.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

static void called(torc_watch *watch, unsigned ready, void *argument)
{
    (void)watch;
    note("%s%s%s ", (const char *)argument, (ready & TORC_READABLE) ? "r" : "",
        (ready & TORC_WRITABLE) ? "w" : "");
}

static void called_once(torc_watch *watch, unsigned ready, void *argument)
{
    called(watch, ready, argument);
    torc_watch_stop(watch);
}

static void called_last(torc_watch *watch, unsigned ready, void *argument)
{
    called(watch, ready, "last:");
    torc_scope_end(argument);
}

static void on_each_driver(void (*test)(void))
{
    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        torc_failure *failure = NULL;

        if (!driver_works(torc_driver_name(i)))
            continue;
        reactor = torc_reactor_new_named(torc_driver_name(i), &failure);
        assert_non_null(reactor);
        root = torc_root(reactor);
        assert_int_equal(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        record[0] = '\0';
        test();
        torc_reactor_free(reactor);
        close(ends[0]);
        close(ends[1]);
    }
}

static void turns(unsigned count)
{
    while (count-- > 0)
        assert_true(torc_iterate(reactor, 0));
}

static void tell(void)
{
    torc_watch *watch = torc_watch_descriptor(root, ends[0], TORC_READABLE, called, "a");
    char byte;

    assert_non_null(watch);
    assert_int_equal(torc_watch_number(watch), ends[0]);
    turns(2);
    assert_ran("");
    assert_int_equal(write(ends[1], "x", 1), 1);
    turns(2);
    assert_ran("ar ar ");
    assert_int_equal(read(ends[0], &byte, 1), 1);
    turns(1);
    torc_watch_change(watch, TORC_WRITABLE);
    turns(1);
    assert_ran("aw ");
    torc_watch_change(watch, 0);
    turns(2);
    assert_ran("");
}

static void it_is_told_as_long_as_it_is_ready(void **state)
{
    (void)state;
    on_each_driver(tell);
}

static void stop_inside(void)
{
    assert_non_null(torc_watch_descriptor(root, ends[0], TORC_WRITABLE, called_once, "once:"));
    turns(3);
    assert_ran("once:w ");
}

static void a_watch_may_be_stopped_inside_its_call(void **state)
{
    (void)state;
    on_each_driver(stop_inside);
}

static void end_inside(void)
{
    torc_scope *inner = torc_scope_new(root);

    assert_non_null(torc_watch_descriptor(inner, ends[0], TORC_WRITABLE, called_last, inner));
    assert_non_null(torc_watch_descriptor(inner, ends[1], TORC_WRITABLE, called_last, inner));
    turns(3);
    assert_ran("last:w ");
}

static void no_watch_of_a_scope_that_ended_is_told(void **state)
{
    (void)state;
    on_each_driver(end_inside);
}

static void hang_up(void)
{
    torc_watch *watch = torc_watch_descriptor(root, ends[0], TORC_READABLE, called, "a");

    shutdown(ends[1], SHUT_RDWR);
    turns(1);
    assert_ran("ar ");
    torc_watch_change(watch, 0);
    turns(3);
    assert_ran("");
    torc_watch_change(watch, TORC_READABLE);
    turns(1);
    assert_ran("ar ");
}

static void a_peer_that_is_gone_counts_as_ready(void **state)
{
    (void)state;
    on_each_driver(hang_up);
}

/* The number of the one that was closed behind the watch's back is another file's at once. */
static void reuse(void)
{
    torc_watch *stale = torc_watch_descriptor(root, ends[0], TORC_READABLE, called, "stale:");
    int others[2];

    close(ends[0]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, others), 0);
    assert_int_equal(others[0], ends[0]);
    assert_non_null(torc_watch_descriptor(root, others[0], TORC_READABLE, called, "new:"));
    assert_int_equal(write(others[1], "x", 1), 1);
    turns(1);
    assert_ran("new:r ");
    assert_int_equal(write(ends[1], "x", 1), 1);
    turns(1);
    assert_non_null(strstr(record, "stale:r "));
    record[0] = '\0';
    torc_watch_stop(stale);
    turns(1);
    assert_ran("new:r ");
    close(others[1]);
}

static void a_number_that_is_reused_is_told_of_its_new_file_only(void **state)
{
    (void)state;
    on_each_driver(reuse);
}

static void refuse(void)
{
    torc_scope *gone = torc_scope_new(root);

    assert_null(torc_watch_descriptor(root, 9999, TORC_READABLE, called, "a"));
    assert_int_equal(errno, EBADF);
    torc_scope_end(gone);
    assert_null(torc_watch_descriptor(gone, ends[0], TORC_READABLE, called, "a"));
    assert_int_equal(errno, ECANCELED);
    torc_watch_stop(NULL);
}

static void what_cannot_be_watched_is_refused_with_its_reason(void **state)
{
    (void)state;
    on_each_driver(refuse);
}

static void watch_a_file(void)
{
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);
    torc_watch *watch = torc_watch_descriptor(root, file, TORC_READABLE, called, "f");

    assert_non_null(watch);
    turns(2);
    assert_ran("fr fr ");
    torc_watch_stop(watch);
    turns(1);
    assert_ran("");
    close(file);
}

static void what_never_waits_is_always_ready(void **state)
{
    (void)state;
    on_each_driver(watch_a_file);
}

static int refuse_to_duplicate(const char *name)
{
    return strcmp(name, "fcntl") == 0 ? EMFILE : 0;
}

static void lack_what_it_takes(void)
{
    fail_all_allocations();
    assert_null(torc_watch_descriptor(root, ends[0], TORC_READABLE, called, "a"));
    assert_int_equal(errno, ENOMEM);
    allow_allocations();
    torc__set_system_call_hook(refuse_to_duplicate);
    assert_null(torc_watch_descriptor(root, ends[0], TORC_READABLE, called, "a"));
    torc__set_system_call_hook(NULL);
    assert_int_equal(errno, EMFILE);
    turns(1);
    assert_ran("");
}

static void without_memory_or_descriptors_nothing_is_watched(void **state)
{
    (void)state;
    on_each_driver(lack_what_it_takes);
}

static void change_after_the_end(void)
{
    torc_scope *inner = torc_scope_new(root);
    torc_watch *watch = torc_watch_descriptor(inner, ends[0], 0, called, "a");

    assert_non_null(watch);
    torc_scope_end(inner);
    torc_watch_change(watch, TORC_WRITABLE);
    torc_watch_stop(watch);
    turns(2);
    assert_ran("");
}

static void one_whose_scope_has_ended_stays_stopped(void **state)
{
    (void)state;
    on_each_driver(change_after_the_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_as_long_as_it_is_ready),
        cmocka_unit_test(a_watch_may_be_stopped_inside_its_call),
        cmocka_unit_test(no_watch_of_a_scope_that_ended_is_told),
        cmocka_unit_test(a_peer_that_is_gone_counts_as_ready),
        cmocka_unit_test(a_number_that_is_reused_is_told_of_its_new_file_only),
        cmocka_unit_test(what_cannot_be_watched_is_refused_with_its_reason),
        cmocka_unit_test(what_never_waits_is_always_ready),
        cmocka_unit_test(without_memory_or_descriptors_nothing_is_watched),
        cmocka_unit_test(one_whose_scope_has_ended_stays_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
