/*
 * The one way of making a system call, and the hook that makes it fail.
 */
#include "base/system_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *asked_for;
static int answer;

static int hook(const char *name)
{
    asked_for = name;
    return answer;
}

static void without_a_hook_the_call_is_made(void **state)
{
    int ends[2];
    char byte = 0;

    (void)state;
    assert_int_equal(TORC__CALL(pipe, ends), 0);
    assert_int_equal(TORC__CALL(write, ends[1], "x", 1), 1);
    assert_int_equal(TORC__CALL(read, ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(ends[0]);
    close(ends[1]);
}

static void a_hook_that_gives_zero_is_told_the_name_and_lets_the_call_go_on(void **state)
{
    (void)state;
    answer = 0;
    asked_for = NULL;
    torc__set_system_call_hook(hook);
    assert_int_equal(TORC__CALL(access, "/", F_OK), 0);
    torc__set_system_call_hook(NULL);
    assert_string_equal(asked_for, "access");
}

static void a_hook_that_gives_an_errno_makes_the_call_fail_unmade(void **state)
{
    int ends[2] = { -7, -7 };

    (void)state;
    answer = EMFILE;
    errno = 0;
    torc__set_system_call_hook(hook);
    assert_int_equal(TORC__CALL(pipe, ends), -1);
    torc__set_system_call_hook(NULL);
    assert_int_equal(errno, EMFILE);
    assert_int_equal(ends[0], -7);
    assert_false(torc__call_fails("pipe"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_hook_the_call_is_made),
        cmocka_unit_test(a_hook_that_gives_zero_is_told_the_name_and_lets_the_call_go_on),
        cmocka_unit_test(a_hook_that_gives_an_errno_makes_the_call_fail_unmade),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
