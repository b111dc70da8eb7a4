/*
 * Events from who speaks to who listens: levels, observers, context, threads.
 */
#include <torc/deferred.h>
#include <torc/log.h>

#include "base/text_writer.h"
#include "log/context.h"
#include "log/log.h"
#include "support/failing_allocation.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

/* The last event that an observer was handed, and how many. */
typedef struct heard {
    unsigned int count;
    torc_log_level level;
    char context[512];
    char message[TORC_LOG_MESSAGE_MAX + 1];
    char field[64];
} heard;

static heard one;
static heard other;

static void hear(void *argument, const torc_log_event *event)
{
    heard *ear = argument;

    ear->count++;
    ear->level = event->level;
    snprintf(ear->context, sizeof ear->context, "%s", event->context);
    memcpy(ear->message, event->message.data, event->message.length);
    ear->message[event->message.length] = '\0';
    ear->field[0] = '\0';
    if (event->field_count > 0)
        snprintf(ear->field, sizeof ear->field, "%s=%s", event->fields[0].name,
            event->fields[0].value);
}

static void begin(torc_log_level level)
{
    memset(&one, 0, sizeof one);
    memset(&other, 0, sizeof other);
    assert_true(torc_log_add_observer(level, hear, &one));
}

/* After each test, also one that failed. */
static int forget(void **state)
{
    (void)state;
    torc_log_remove_observer(hear, &one);
    torc_log_remove_observer(hear, &other);
    torc__log_set_context_writer(NULL);
    torc_log_set_level(TORC_LOG_INFO);
    torc_log_to_file(NULL);
    allow_allocations();
    return 0;
}

static void an_observer_hears_its_level_and_above(void **state)
{
    (void)state;
    begin(TORC_LOG_WARN);
    torc_log_info("quiet");
    assert_int_equal(one.count, 0);
    torc_log_warn("loud %d", 1);
    assert_int_equal(one.count, 1);
    assert_int_equal(one.level, TORC_LOG_WARN);
    assert_string_equal(one.message, "loud 1");
    torc_log_critical("louder");
    assert_int_equal(one.level, TORC_LOG_CRITICAL);
    torc_log_debug("quiet");
    torc_log_error("loud");
    assert_int_equal(one.count, 3);
}

static void fields_reach_the_observer(void **state)
{
    torc_log_field fields[] = { { "status", "404" } };

    (void)state;
    begin(TORC_LOG_INFO);
    torc_log(TORC_LOG_INFO, fields, 1, "request");
    assert_string_equal(one.field, "status=404");
}

static void observers_come_and_go(void **state)
{
    (void)state;
    begin(TORC_LOG_INFO);
    torc_log_add_observer(TORC_LOG_DEBUG, hear, &other);
    torc_log_debug("for the other");
    torc_log_info("for both");
    torc_log_remove_observer(hear, &other);
    torc_log_remove_observer(hear, &other);
    torc_log_info("for one");
    assert_int_equal(one.count, 2);
    assert_int_equal(other.count, 2);
}

static void there_are_at_most_eight(void **state)
{
    (void)state;
    begin(TORC_LOG_INFO);
    for (int i = 1; i < 8; i++)
        assert_true(torc_log_add_observer(TORC_LOG_INFO, hear, &other));
    assert_false(torc_log_add_observer(TORC_LOG_INFO, hear, &other));
    torc_log_info("to all");
    assert_int_equal(one.count, 1);
    assert_int_equal(other.count, 7);
    for (int i = 1; i < 8; i++)
        torc_log_remove_observer(hear, &other);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    (void)state;
    begin(TORC_LOG_INFO);
    torc_log_info("%0*d", TORC_LOG_MESSAGE_MAX, 7);
    assert_int_equal(strlen(one.message), TORC_LOG_MESSAGE_MAX);
    assert_int_equal(one.message[TORC_LOG_MESSAGE_MAX - 1], '7');
    torc_log_info("%0*d\xE2\x82\xAC", TORC_LOG_MESSAGE_MAX - 1, 0);
    assert_int_equal(strlen(one.message), TORC_LOG_MESSAGE_MAX - 1);
}

static void what_cannot_be_formatted_is_dropped_and_counted(void **state)
{
    uint64_t before = torc__log_dropped();

    (void)state;
    begin(TORC_LOG_INFO);
    /* The C locale, which a program starts in, has no such character. */
    torc_log_info("%lc", (wint_t)0x20AC);
    assert_int_equal(one.count, 0);
    assert_true(torc__log_dropped() == before + 1);
}

static void logging_leaves_errno_alone_and_allocates_nothing(void **state)
{
    FILE *file = tmpfile();

    (void)state;
    begin(TORC_LOG_INFO);
    torc_log_to_file(file);
    torc_log_info("warm");
    fail_all_allocations();
    errno = EPIPE;
    torc_log_info("x");
    assert_int_equal(errno, EPIPE);
    assert_false(an_allocation_failed());
    assert_int_equal(one.count, 2);
    torc_log_to_file(NULL);
    fclose(file);
}

static size_t context_length;

static size_t write_context(char *text, size_t size)
{
    size_t fits = context_length < size ? context_length : size - 1;

    memset(text, 'c', fits);
    text[fits] = '\0';
    return context_length;
}

static void the_context_is_what_the_hook_writes(void **state)
{
    (void)state;
    begin(TORC_LOG_INFO);
    torc_log_info("x");
    assert_string_equal(one.context, "-");
    torc__log_set_context_writer(write_context);
    context_length = 3;
    torc_log_info("x");
    assert_string_equal(one.context, "ccc");
    context_length = 0;
    torc_log_info("x");
    assert_string_equal(one.context, "-");
    context_length = 1000;
    torc_log_info("x");
    assert_in_range(strlen(one.context), 100, 999);
}

static void log_back(void *argument, const torc_log_event *event)
{
    (void)event;
    hear(argument, event);
    torc_log_error("what an observer logs");
    torc_log_remove_observer(log_back, argument);
    torc_log_add_observer(TORC_LOG_INFO, hear, &other);
}

static void an_observer_may_log_and_change_observers(void **state)
{
    (void)state;
    begin(TORC_LOG_INFO);
    torc_log_remove_observer(hear, &one);
    torc_log_add_observer(TORC_LOG_INFO, log_back, &one);
    torc_log_info("x");
    assert_int_equal(one.count, 1);
    assert_string_equal(one.message, "x");
    other.count = 0;
    torc_log_info("y");
    assert_int_equal(one.count, 1);
    assert_int_equal(other.count, 1);
}

static void a_failure_is_described_after_what(void **state)
{
    torc_place place = { "fetch.c", 7, "fetch" };
    torc_failure *failure = torc_failure_make(place, &torc_error_refused, 0, "nobody there");

    (void)state;
    begin(TORC_LOG_INFO);
    torc_log_describe(TORC_LOG_WARN, "fetching", failure);
    assert_int_equal(one.level, TORC_LOG_WARN);
    assert_string_equal(one.message,
        "fetching: ConnectionRefused: nobody there\n  fetch.c:7 in fetch");
    torc_log_describe(TORC_LOG_DEBUG, "unheard", failure);
    assert_int_equal(one.count, 1);
    torc_failure_release(failure);
}

static void a_long_description_is_cut(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    begin(TORC_LOG_INFO);
    for (int i = 0; i < 8; i++)
        failure = torc_failure_because(torc_failure_new(&torc_error, "%01000d", i), failure);
    torc_log_describe(TORC_LOG_WARN, "much", failure);
    assert_int_equal(strlen(one.message), TORC_LOG_MESSAGE_MAX);
    torc_failure_release(failure);
}

static void the_logging_errback_ends_the_chain_with_nothing(void **state)
{
    torc_result failed = torc_fail_with(&torc_error_timeout, "too late");
    torc_result text = torc_text("value");
    torc_result passed;

    (void)state;
    begin(TORC_LOG_INFO);
    assert_true(torc_is_nothing(torc_log_failure("waiting", failed)));
    assert_int_equal(one.level, TORC_LOG_ERROR);
    assert_non_null(strstr(one.message, "waiting: TimedOut: too late\n"));
    torc_result_release(failed);
    passed = torc_log_failure("waiting", text);
    assert_int_equal(one.count, 1);
    torc_result_release(text);
    assert_string_equal(torc_result_text(passed), "value");
    torc_result_release(passed);
}

static void levels_have_names(void **state)
{
    static const char *const names[] = { "debug", "info", "warn", "error", "critical" };
    torc_log_level level = TORC_LOG_WARN;

    (void)state;
    assert_false(torc_log_level_parse("loud", &level));
    assert_false(torc_log_level_parse("INFO", &level));
    assert_false(torc_log_level_parse("", &level));
    assert_int_equal(level, TORC_LOG_WARN);
    for (int i = 0; i < 5; i++) {
        assert_true(torc_log_level_parse(names[i], &level));
        assert_int_equal(level, i);
        assert_string_equal(torc_log_level_name(level), names[i]);
    }
    assert_string_equal(torc_log_level_name((torc_log_level)5), "unknown");
}

#define THREADS 4
#define EVENTS  500

static void *speak(void *argument)
{
    (void)argument;
    for (int i = 0; i < EVENTS; i++) {
        torc_log_info("event %d", i);
        if (i % 100 == 0)
            torc_log_set_level(i % 200 == 0 ? TORC_LOG_DEBUG : TORC_LOG_INFO);
    }
    return NULL;
}

static unsigned int count_whole_lines(FILE *file)
{
    unsigned int lines = 0;
    char line[256];

    rewind(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, "could not be logged: ") != NULL)
            continue;
        assert_non_null(strstr(line, " [-] event "));
        assert_int_equal(line[strlen(line) - 1], '\n');
        lines++;
    }
    return lines;
}

static void threads_take_turns(void **state)
{
    pthread_t threads[THREADS];
    FILE *file = tmpfile();

    (void)state;
    begin(TORC_LOG_INFO);
    torc_log_to_file(file);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, speak, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(one.count, THREADS * EVENTS);
    torc_log_to_file(NULL);
    assert_int_equal(count_whole_lines(file), THREADS * EVENTS);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_observer_hears_its_level_and_above, forget),
        cmocka_unit_test_teardown(fields_reach_the_observer, forget),
        cmocka_unit_test_teardown(observers_come_and_go, forget),
        cmocka_unit_test_teardown(there_are_at_most_eight, forget),
        cmocka_unit_test_teardown(a_long_message_is_cut_between_characters, forget),
        cmocka_unit_test_teardown(what_cannot_be_formatted_is_dropped_and_counted, forget),
        cmocka_unit_test_teardown(logging_leaves_errno_alone_and_allocates_nothing, forget),
        cmocka_unit_test_teardown(the_context_is_what_the_hook_writes, forget),
        cmocka_unit_test_teardown(an_observer_may_log_and_change_observers, forget),
        cmocka_unit_test_teardown(a_failure_is_described_after_what, forget),
        cmocka_unit_test_teardown(a_long_description_is_cut, forget),
        cmocka_unit_test_teardown(the_logging_errback_ends_the_chain_with_nothing, forget),
        cmocka_unit_test_teardown(levels_have_names, forget),
        cmocka_unit_test_teardown(threads_take_turns, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
