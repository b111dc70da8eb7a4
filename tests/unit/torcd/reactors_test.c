/*
 * What --help-reactors says: every driver of the build, whether it works, and why not.
 */
#include "support/failing_system_call.h"
#include "torcd/reactors.h"

#include <torc/reactor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *said;

static void print(void)
{
    size_t size;
    FILE *file = open_memstream(&said, &size);

    assert_non_null(file);
    torcd_reactors_print(file);
    fclose(file);
}

/* The rest of the line that begins with this name. */
static const char *line_of(const char *name)
{
    static char line[256];
    char start[32];
    const char *found;

    snprintf(start, sizeof start, "  %-24s ", name);
    found = strstr(said, start);
    if (found == NULL)
        fail_msg("%s does not stand in:\n%s", name, said);
    found += strlen(start);
    snprintf(line, sizeof line, "%.*s", (int)strcspn(found, "\n"), found);
    return line;
}

static int free_said(void **state)
{
    (void)state;
    allow_system_calls();
    free(said);
    said = NULL;
    return 0;
}

static void every_driver_of_the_build_has_a_line(void **state)
{
    size_t lines = 0;
    size_t count = 0;

    (void)state;
    print();
    for (; torc_driver_name(count) != NULL; count++)
        (void)line_of(torc_driver_name(count));
    for (const char *rest = said; (rest = strchr(rest, '\n')) != NULL; rest++)
        lines++;
    assert_int_equal(lines, count);
}

static void the_first_that_works_is_the_default(void **state)
{
    (void)state;
    print();
    assert_string_equal(line_of(torc_driver_name(0)), "works here, and is taken by default");
    assert_string_equal(line_of("poll"), "works here");
    assert_string_equal(line_of("kqueue"), "works here");
}

static void why_a_driver_does_not_work_is_told(void **state)
{
    (void)state;
    fail_system_calls_named("kqueue", EPERM);
    print();
    assert_non_null(strstr(line_of("kqueue"), "'kqueue' does not work here"));
    assert_non_null(strstr(line_of("kqueue"), strerror(EPERM)));
    assert_string_equal(line_of("select"), "works here");
}

#define REACTORS_TEST(function) cmocka_unit_test_teardown(function, free_said)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REACTORS_TEST(every_driver_of_the_build_has_a_line),
        REACTORS_TEST(the_first_that_works_is_the_default),
        REACTORS_TEST(why_a_driver_does_not_work_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
