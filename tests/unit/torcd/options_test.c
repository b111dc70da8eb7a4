/*
 * Command lines read by a table: what is taken, and what a mistake is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "torcd/options.h"
#include "torcd/plugin.h"

#include <torc/time.h>

typedef struct values {
    bool loud;
    const char *name;
    int64_t count;
    int64_t size;
    int64_t patience;
    torcd_texts where;
} values;

#define VALUE(name) offsetof(values, name)

static const torcd_option table[] = {
    { "loud", NULL, TORCD_FLAG, VALUE(loud), 0, 0, "be loud" },
    { "name", "NAME", TORCD_TEXT, VALUE(name), 0, 0, "a name" },
    { "count", "N", TORCD_NUMBER, VALUE(count), 2, 9, "a number" },
    { "size", "SIZE", TORCD_SIZE, VALUE(size), 1, 0, "a size" },
    { "patience", "SECONDS", TORCD_SECONDS, VALUE(patience), 0, 0, "a time" },
    { "where", "PLACE", TORCD_TEXTS, VALUE(where), 0, 0, "places" },
    { NULL, NULL, TORCD_FLAG, 0, 0, 0, NULL },
};

static values got;
static char error[TORCD_ERROR_MAX];

static int set_up(void **state)
{
    (void)state;
    memset(&got, 0, sizeof(got));
    error[0] = '\0';
    return 0;
}

#define READ(...) torcd_options_read(table, &got, (char *const[]){ __VA_ARGS__, NULL }, error)

#define ASSERT_MISTAKE(message, ...)              \
    do {                                          \
        assert_int_equal(READ(__VA_ARGS__), -1);  \
        assert_string_equal(error, message);      \
    } while (0)

static void values_follow_or_are_attached(void **state)
{
    (void)state;
    assert_int_equal(READ("--loud", "--name", "a b", "--count=7", "--name="), 5);
    assert_true(got.loud);
    assert_string_equal(got.name, "");
    assert_int_equal(got.count, 7);
}

static void reading_stops_at_what_is_no_option(void **state)
{
    (void)state;
    assert_int_equal(READ("--loud", "web", "--name", "x"), 1);
    assert_null(got.name);
    assert_int_equal(READ("--loud", "--", "--name"), 2);
    assert_int_equal(READ("web"), 0);
}

static void sizes_have_units(void **state)
{
    (void)state;
    assert_int_equal(READ("--size", "512"), 2);
    assert_int_equal(got.size, 512);
    assert_int_equal(READ("--size", "64K"), 2);
    assert_int_equal(got.size, 65536);
    assert_int_equal(READ("--size=3M"), 1);
    assert_int_equal(got.size, 3 * 1024 * 1024);
    assert_int_equal(READ("--size", "1G"), 2);
    assert_int_equal(got.size, 1 << 30);
    assert_int_equal(READ("--size", "9999999999G"), -1);
    assert_int_equal(READ("--size", "K"), -1);
    assert_int_equal(READ("--size", ""), -1);
}

static void times_are_in_seconds(void **state)
{
    (void)state;
    assert_int_equal(READ("--patience", "10"), 2);
    assert_int_equal(got.patience, 10 * TORC_SECOND);
    assert_int_equal(READ("--patience", "0.25"), 2);
    assert_int_equal(got.patience, 250 * TORC_MILLISECOND);
    assert_int_equal(READ("--patience", "1.000000001"), 2);
    assert_int_equal(got.patience, TORC_SECOND + 1);
    assert_int_equal(READ("--patience", "1.0000000001"), -1);
    assert_int_equal(READ("--patience", "1."), -1);
    assert_int_equal(READ("--patience", ".5"), -1);
    assert_int_equal(READ("--patience", "-1"), -1);
}

static void an_option_may_be_repeated(void **state)
{
    (void)state;
    assert_int_equal(READ("--where", "here", "--where=there"), 3);
    assert_int_equal(got.where.count, 2);
    assert_string_equal(got.where.items[1], "there");
    got.where.count = TORCD_TEXTS_MAX;
    ASSERT_MISTAKE("--where may be given at most 32 times", "--where", "x");
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    ASSERT_MISTAKE("there is no option --lout; --help lists what there is", "--lout");
    ASSERT_MISTAKE("there is no option --lou; --help lists what there is", "--lou=1");
    ASSERT_MISTAKE("--loud takes no value", "--loud=yes");
    ASSERT_MISTAKE("--name needs a value: --name NAME", "--name");
    ASSERT_MISTAKE("--count: 'x' is not a number; give digits only, as in 8080", "--count", "x");
    ASSERT_MISTAKE("--count: '10' is not between 2 and 9", "--count", "10");
    ASSERT_MISTAKE("--size: '0' is not 1 or more bytes", "--size", "0");
    ASSERT_MISTAKE("--size: '1Q' is not a size; give bytes, or a number with K, M or G, as in 64K",
        "--size", "1Q");
    ASSERT_MISTAKE(
        "--patience: 'soon' is not a time in seconds, as in 10 or 0.5", "--patience", "soon");
    ASSERT_MISTAKE("'-l' is no option: they begin with two dashes; --help lists them", "-l");
}

static void plugins_are_found_by_name(void **state)
{
    (void)state;
    assert_non_null(torcd_plugin_named("web"));
    assert_string_equal(torcd_plugin_named("web")->name, "web");
    assert_null(torcd_plugin_named("wbe"));
}

static void the_web_plugin_checks_what_belongs_together(void **state)
{
    const torcd_plugin *web = torcd_plugin_named("web");
    _Alignas(16) char settings[4096] = "";

    (void)state;
    assert_true(web->settings_size <= sizeof(settings));
    assert_false(web->check(settings, error));
    assert_string_equal(
        error, "--path is missing: name the directory to serve, as in --path /srv/www");
    assert_int_equal(torcd_options_read(web->options, settings,
        (char *const[]){ "--path", "/tmp", "--listen", "tcp:1", NULL }, error), 4);
    assert_true(web->check(settings, error));
    assert_int_equal(torcd_options_read(web->options, settings,
        (char *const[]){ "--port", "2", NULL }, error), 2);
    assert_false(web->check(settings, error));
    assert_string_equal(
        error, "--port and --listen exclude each other: write --listen tcp:2 instead of --port");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_follow_or_are_attached),
        TEST(reading_stops_at_what_is_no_option),
        TEST(sizes_have_units),
        TEST(times_are_in_seconds),
        TEST(an_option_may_be_repeated),
        TEST(mistakes_are_explained),
        TEST(plugins_are_found_by_name),
        TEST(the_web_plugin_checks_what_belongs_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
