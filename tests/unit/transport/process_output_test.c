/*
 * The short forms: what a command wrote, how it exited, its lines; and when they fail.
 */
#include "transport/process_support.h"

static torc_result note_text(void *self, torc_result result)
{
    (void)self;
    note("%s", torc_result_text(result));
    done = true;
    return torc_nothing();
}

static torc_result note_length(void *self, torc_result result)
{
    (void)self;
    note("%zu", torc_result_slice(result).length);
    done = true;
    return torc_nothing();
}

static torc_result note_number(void *self, torc_result result)
{
    (void)self;
    note("%d", (int)torc_result_integer(result));
    done = true;
    return torc_nothing();
}

static torc_result note_nothing(void *self, torc_result result)
{
    (void)self;
    assert_true(torc_is_nothing(result));
    note("over");
    done = true;
    return torc_nothing();
}

static torc_result note_failure(void *self, torc_result failed)
{
    torc_failure *failure = torc_result_failure(failed);

    (void)self;
    note("%s: %s", torc_failure_type_of(failure)->name, torc_failure_text(failure));
    done = true;
    return torc_nothing();
}

static void run(torc_deferred *deferred, torc_callback *callback)
{
    done = false;
    torc_add_callbacks(deferred, callback, note_failure, NULL);
    RUN_UNTIL(done);
}

/* -- output -------------------------------------------------------------------------------- */

static void give_output(void)
{
    const char *const echo[] = { "echo", "hello", "world", NULL };

    run(torc_process_output(root, echo), note_text);
    assert_told("hello world\n");
    run(torc_process_output(root, SHELL("exit 0")), note_text);
    assert_told("");
}

static void the_output_is_the_result(void **state)
{
    (void)state;
    on_each_driver(give_output);
}

static void give_much_output(void)
{
    run(torc_process_output(root, SHELL("head -c 1000000 /dev/zero")), note_length);
    assert_told("1000000");
}

static void a_large_output_comes_whole(void **state)
{
    (void)state;
    on_each_driver(give_much_output);
}

static void fail_with_status(void)
{
    run(torc_process_output(root, SHELL("echo out; echo this is >&2; echo why >&2; exit 3")),
        note_text);
    assert_told("Exited: sh exited with status 3: this is why");
    run(torc_process_output(root, SHELL("kill -TERM $$")), note_text);
    assert_told("Exited: sh was killed by signal 15");
}

static void another_status_than_0_is_a_failure_that_says_why(void **state)
{
    (void)state;
    on_each_driver(fail_with_status);
}

/* Of what it complained, the end is what matters. */
static void keep_the_tail(void)
{
    run(torc_process_output(
            root, SHELL("i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done >&2; exit 1")),
        note_text);
    assert_non_null(strstr(record, "line 299"));
    assert_null(strstr(record, "line 200 "));
    assert_true(strlen(record) < 600);
}

static void only_the_end_of_its_errors_is_kept(void **state)
{
    (void)state;
    on_each_driver(keep_the_tail);
}

static void fail_to_start(void)
{
    const char *const missing[] = { "torc-no-such-command", NULL };
    const char *const no_program[] = { "/etc/passwd", NULL };
    const char *const none[] = { NULL };

    run(torc_process_output(root, missing), note_text);
    assert_told("SystemError: cannot run torc-no-such-command: No such file or directory");
    run(torc_process_output(root, no_program), note_text);
    assert_told("SystemError: cannot run /etc/passwd: Permission denied");
    run(torc_process_output(root, none), note_text);
    assert_told("InvalidArgument: a child has no command");
}

static void what_cannot_be_run_is_named_with_the_reason(void **state)
{
    (void)state;
    on_each_driver(fail_to_start);
}

static void exceed(void)
{
    torc_process_options options = { .arguments = SHELL("yes"), .output_max = 100000 };

    run(torc_process_output_of(root, &options), note_text);
    assert_told("LimitReached: sh wrote more than 100000 bytes");
}

static void an_output_without_end_is_a_failure(void **state)
{
    (void)state;
    on_each_driver(exceed);
}

static void feed(void)
{
    const char *const sort[] = { "sort", NULL };
    torc_process_options options = { .arguments = sort, .input = TORC_SLICE("b\nc\na\n") };

    run(torc_process_output_of(root, &options), note_text);
    assert_told("a\nb\nc\n");
}

static void a_command_can_be_given_its_input(void **state)
{
    (void)state;
    on_each_driver(feed);
}

/* It exits before it has read all of it: that is its affair. */
static void feed_too_much(void)
{
    static char bytes[1024 * 1024];
    const char *const head[] = { "head", "-c", "3", NULL };
    torc_process_options options = { .arguments = head };

    memset(bytes, 'x', sizeof bytes);
    options.input = torc_slice_make(bytes, sizeof bytes);
    run(torc_process_output_of(root, &options), note_text);
    assert_told("xxx");
}

static void input_that_is_not_read_is_no_failure(void **state)
{
    (void)state;
    on_each_driver(feed_too_much);
}

static void cancel_it(void)
{
    const char *const sleep[] = { "sleep", "1000", NULL };
    torc_deferred *output = torc_process_output(root, sleep);

    torc_add_callbacks(output, note_text, note_failure, NULL);
    torc_cancel(output);
    assert_true(done);
    assert_non_null(strstr(record, "Cancelled"));
    record[0] = '\0';
    RUN_UNTIL(!has_children());
}

static void a_command_that_is_cancelled_exits(void **state)
{
    (void)state;
    on_each_driver(cancel_it);
}

static void end_scope(void)
{
    torc_scope *scope = torc_scope_new(root);
    const char *const sleep[] = { "sleep", "1000", NULL };
    torc_deferred *output = torc_process_output(scope, sleep);

    torc_add_callbacks(output, note_text, note_failure, NULL);
    torc_scope_end(scope);
    RUN_UNTIL(!has_children());
    assert_told("");
}

static void a_command_ends_with_its_scope_and_tells_nothing(void **state)
{
    (void)state;
    on_each_driver(end_scope);
}

static void time_out(void)
{
    torc_deferred *output = torc_process_output(root, SHELL("exec sleep 1000"));

    torc_set_timeout(output, 20 * TORC_MILLISECOND);
    run(output, note_text);
    assert_non_null(strstr(record, "TimedOut: "));
    record[0] = '\0';
}

static void a_timeout_ends_the_command(void **state)
{
    (void)state;
    on_each_driver(time_out);
}

/* -- value and lines ----------------------------------------------------------------------- */

static void give_value(void)
{
    run(torc_process_value(root, SHELL("exit 7")), note_number);
    assert_told("7");
    run(torc_process_value(root, SHELL("kill -KILL $$")), note_number);
    assert_told("-9");
}

static void the_value_is_the_status_or_the_signal(void **state)
{
    (void)state;
    on_each_driver(give_value);
}

static void note_line(void *argument, torc_slice line)
{
    (void)argument;
    if (line.length > 100)
        note("<%zu>", line.length);
    else
        note("[%.*s]", TORC_FMT(line));
}

static void give_lines(void)
{
    run(torc_process_lines(root, SHELL("printf 'a\\n\\nbc'; sleep 0.05; printf 'd\\nlast'"),
            note_line, NULL),
        note_nothing);
    assert_told("[a][][bcd][last]over");
    run(torc_process_lines(root, SHELL("echo one; exit 2"), note_line, NULL), note_nothing);
    assert_told("[one]Exited: sh exited with status 2");
}

static void each_line_is_told(void **state)
{
    (void)state;
    on_each_driver(give_lines);
}

static void give_long_lines(void)
{
    run(torc_process_lines(
            root, SHELL("head -c 65536 /dev/zero; echo; head -c 70000 /dev/zero; echo"),
            note_line, NULL),
        note_nothing);
    assert_told("<65536><65536><4464>over");
}

static void a_line_that_is_too_long_comes_in_pieces(void **state)
{
    (void)state;
    on_each_driver(give_long_lines);
}

static void end_scope_in_line(void *argument, torc_slice line)
{
    torc_scope_end(argument);
    note("[%.*s]", TORC_FMT(line));
}

static void end_in_a_line(void)
{
    torc_scope *scope = torc_scope_new(root);

    (void)torc_process_lines(
        scope, SHELL("printf on; sleep 0.05; printf 'e\\ntwo\\n'; sleep 1000"), end_scope_in_line,
        scope);
    RUN_UNTIL(!has_children());
    assert_told("[one]");
}

static void the_scope_may_end_in_a_line(void **state)
{
    (void)state;
    on_each_driver(end_in_a_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_output_is_the_result),
        cmocka_unit_test(a_large_output_comes_whole),
        cmocka_unit_test(another_status_than_0_is_a_failure_that_says_why),
        cmocka_unit_test(only_the_end_of_its_errors_is_kept),
        cmocka_unit_test(what_cannot_be_run_is_named_with_the_reason),
        cmocka_unit_test(an_output_without_end_is_a_failure),
        cmocka_unit_test(a_command_can_be_given_its_input),
        cmocka_unit_test(input_that_is_not_read_is_no_failure),
        cmocka_unit_test(a_command_that_is_cancelled_exits),
        cmocka_unit_test(a_command_ends_with_its_scope_and_tells_nothing),
        cmocka_unit_test(a_timeout_ends_the_command),
        cmocka_unit_test(the_value_is_the_status_or_the_signal),
        cmocka_unit_test(each_line_is_told),
        cmocka_unit_test(a_line_that_is_too_long_comes_in_pieces),
        cmocka_unit_test(the_scope_may_end_in_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
