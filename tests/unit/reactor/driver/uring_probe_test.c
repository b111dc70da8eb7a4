/*
 * Why io_uring does not work here, and what is done then.
 */
#include "reactor/driver/uring_support.h"

#include "reactor/driver/uring_probe.h"

#if defined(TORC__HAS_URING)

static void expect_why_not(const char *name, int error, const char *words)
{
    torc_failure *failure = NULL;

    fail_system_calls_named(name, error);
    assert_null(torc_reactor_new_named("uring", &failure));
    allow_system_calls();
    if (strstr(torc_failure_text(failure), words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, torc_failure_text(failure));
    assert_non_null(strstr(torc_failure_text(failure), "the reactor 'uring' does not work here"));
    torc_failure_release(failure);
}

static void a_failure_says_why_it_does_not_work(void **state)
{
    (void)state;
    expect_why_not("io_uring_setup", ENOSYS, "the kernel has no io_uring");
    expect_why_not("io_uring_setup", EPERM, "kernel.io_uring_disabled");
    expect_why_not("io_uring_setup", EINVAL, "Linux 6.0");
    expect_why_not("io_uring_setup", ENOMEM, "ulimit -l");
    expect_why_not("io_uring_setup", EMFILE, "Too many open files");
    expect_why_not("io_uring_register", EACCES, "sandbox");
}

static void where_it_does_not_work_another_is_taken(void **state)
{
    torc_reactor *other;

    (void)state;
    fail_system_calls_named("io_uring_setup", EPERM);
    other = torc_reactor_new();
    allow_system_calls();
    assert_string_equal(torc_reactor_driver_name(other), "epoll");
    torc_reactor_free(other);
}

static void the_environment_chooses_it(void **state)
{
    torc_reactor *chosen;

    (void)state;
    setenv("TORC_REACTOR", "uring", 1);
    chosen = torc_reactor_new();
    unsetenv("TORC_REACTOR");
    assert_string_equal(torc_reactor_driver_name(chosen), "uring");
    torc_reactor_free(chosen);
}

/* The features that a kernel tells of, one after the other as the versions had them. */
static void expect_lack(unsigned features, const char *words)
{
    torc__uring_ring old = { .features = features, .descriptor = -1 };

    assert_int_equal(torc__uring_probe(&old), -EOPNOTSUPP);
    if (strstr(torc__uring_why_not(EOPNOTSUPP), words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, torc__uring_why_not(EOPNOTSUPP));
}

static void an_old_kernel_is_told_what_it_lacks(void **state)
{
    (void)state;
    expect_lack(0, "lacks queues in one mapping (Linux 5.4 has them)");
    expect_lack(IORING_FEAT_SINGLE_MMAP, "lacks completions that are never dropped (Linux 5.5");
    expect_lack(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP,
        "lacks waiting with a time-out (Linux 5.11 has it)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_says_why_it_does_not_work),
        cmocka_unit_test(where_it_does_not_work_another_is_taken),
        cmocka_unit_test(the_environment_chooses_it),
        cmocka_unit_test(an_old_kernel_is_told_what_it_lacks),
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
