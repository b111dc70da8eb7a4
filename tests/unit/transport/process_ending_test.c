/*
 * Processes: terminals, signals, how a child ends, how it is waited for; and that nothing is left.
 */
#include "transport/process_recorder.h"

/* -- terminals ----------------------------------------------------------------------------- */

static void use_a_terminal(void)
{
    torc_terminal_size size = { .columns = 91, .rows = 33 };
    torc_process_options options = {
        .arguments = SHELL("stty size; test -t 0 && test -t 1 && test -t 2 && echo tty; read x; "
                           "stty size; echo $x; : < /dev/tty"),
        .terminal = &size,
    };
    torc_process *process = spawn(&options);

    RUN_UNTIL(strstr(record, "tty\r\n") != NULL);
    assert_non_null(strstr(record, "33 91\r\n"));
    size.columns = 40;
    assert_true(torc_process_resize(process, size));
    torc_process_write(process, 0, TORC_SLICE("typed\n"));
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "33 40\r\n"));
    assert_non_null(strstr(record, "typed\r\n"));
    assert_non_null(strstr(record, "closed:0 "));
    assert_non_null(strstr(record, "ended:0:0"));
}

static void a_child_may_have_a_terminal(void **state)
{
    (void)state;
    on_each_driver(use_a_terminal);
}

static void hang_up(void)
{
    torc_terminal_size size = { .columns = 80, .rows = 25 };
    torc_process_options options = {
        .arguments = SHELL("echo up; exec sleep 1000"),
        .terminal = &size,
    };
    torc_process *process = spawn(&options);

    RUN_UNTIL(strstr(record, "up\r\n") != NULL);
    torc_process_close(process, 0);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "exited:-1:1 "));
    assert_false(has_children());
}

static void closing_its_terminal_hangs_up(void **state)
{
    (void)state;
    on_each_driver(hang_up);
}

/* -- signals and ends ---------------------------------------------------------------------- */

static void signal_it(void)
{
    torc_process *process = spawn_shell("trap 'echo usr1; exit 5' USR1; echo ready; read x");

    RUN_UNTIL(strstr(record, "ready") != NULL);
    assert_false(torc_process_signal(process, "NOSUCH"));
    assert_false(torc_process_signal_group(process, "USR1"));
    assert_true(torc_process_signal(process, "SIGUSR1"));
    RUN_UNTIL(strstr(record, "exited:5:0") != NULL);
    if (!done)
        assert_false(torc_process_signal(process, "USR1"));
    RUN_UNTIL(done);
}

static void a_signal_is_sent_by_name(void **state)
{
    (void)state;
    on_each_driver(signal_it);
}

static void name_signals(void **state)
{
    (void)state;
    assert_int_equal(torc_signal_number("TERM"), SIGTERM);
    assert_int_equal(torc_signal_number("sigkill"), SIGKILL);
    assert_int_equal(torc_signal_number("15"), 15);
    assert_int_equal(torc_signal_number("99999"), 0);
    assert_int_equal(torc_signal_number("15x"), 0);
    assert_int_equal(torc_signal_number(""), 0);
}

static void end_politely(void)
{
    torc_process *process = spawn_shell("trap 'echo bye; exit 0' TERM; echo ready; read x");

    RUN_UNTIL(strstr(record, "ready") != NULL);
    torc_process_end(process);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "1:bye\n"));
    assert_non_null(strstr(record, "ended:0:0"));
}

static void a_child_is_asked_to_exit(void **state)
{
    (void)state;
    on_each_driver(end_politely);
}

static void end_by_force(void)
{
    torc_process_options options = {
        .arguments = SHELL("trap '' TERM; echo ready; exec sleep 1000"),
        .patience = 30 * TORC_MILLISECOND,
    };
    torc_process *process = spawn(&options);

    RUN_UNTIL(strstr(record, "ready") != NULL);
    torc_process_end(process);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "ended:-1:9"));
}

static void a_child_that_does_not_exit_is_killed(void **state)
{
    (void)state;
    on_each_driver(end_by_force);
}

/* The shell is gone at once; its child, which ignores SIGTERM, holds the pipe. */
static void end_a_tree(void)
{
    torc_process_options options = {
        .arguments = SHELL("sh -c \"trap '' TERM; echo ready; sleep 1000\" & wait"),
        .new_group = true,
        .patience = 30 * TORC_MILLISECOND,
    };
    torc_process *process = spawn(&options);

    RUN_UNTIL(strstr(record, "ready") != NULL);
    torc_process_end(process);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "ended:-1:15"));
}

static void a_tree_is_ended_by_its_group(void **state)
{
    (void)state;
    on_each_driver(end_a_tree);
}

/* Its number is the group's: were it another's, the group could not be told from that. */
static void keep_the_number(void)
{
    torc_process_options options = { .arguments = SHELL("sleep 0.1 & exit 0"), .new_group = true };
    pid_t pid = torc_process_id(spawn(&options));

    RUN_UNTIL(strstr(record, "exited:0:0") != NULL);
    if (!done)
        assert_int_equal(kill(pid, 0), 0);
    RUN_UNTIL(done);
    assert_false(has_children());
}

static void the_number_of_a_group_stays_its_own_until_the_end(void **state)
{
    (void)state;
    on_each_driver(keep_the_number);
}

static void end_with_scope(void)
{
    torc_process_options options = { .arguments = SHELL("echo ready; exec sleep 1000") };

    scope_to_end = torc_scope_new(root);
    ends_scope = true;
    (void)spawn_in(scope_to_end, &options);
    RUN_UNTIL(strstr(record, "ready") != NULL);
    ends_scope = false;
    RUN_UNTIL(!has_children());
    assert_told("1:ready\n ");
}

static void a_child_ends_with_its_scope_inside_its_own_event(void **state)
{
    (void)state;
    on_each_driver(end_with_scope);
}

static void leave_to_the_reactor(void)
{
    torc_process_options options = {
        .arguments = SHELL("trap '' TERM; echo ready; while :; do sleep 1; done"),
        .new_group = true,
    };

    (void)spawn(&options);
    RUN_UNTIL(strstr(record, "ready") != NULL);
}

/* on_each_driver frees the reactor, and then looks for children. */
static void a_child_is_killed_when_the_reactor_goes(void **state)
{
    (void)state;
    on_each_driver(leave_to_the_reactor);
}

static void leave_it_running(void)
{
    torc_process_options options = { .arguments = SHELL("sleep 0.1"), .stays = true };
    torc_scope *scope = torc_scope_new(root);
    pid_t pid = torc_process_id(spawn_in(scope, &options));

    torc_scope_end(scope);
    assert_true(torc_iterate(reactor, 0));
    assert_int_equal(kill(pid, 0), 0);
    RUN_UNTIL(!has_children());
    assert_told("");
}

static void one_that_stays_is_waited_for_all_the_same(void **state)
{
    (void)state;
    on_each_driver(leave_it_running);
}

/* -- others' children ---------------------------------------------------------------------- */

static void leave_others(void)
{
    pid_t other = fork();
    int status = 0;

    if (other == 0)
        _exit(42);
    run_script_and_expect("exit 1", "ended:1:0");
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 42);
}

static void children_that_are_not_ours_are_left_alone(void **state)
{
    (void)state;
    on_each_driver(leave_others);
}

static int no_descriptors(const char *name)
{
    return strcmp(name, "pidfd_open") == 0 ? ENOSYS : 0;
}

static void reap_by_signal(void)
{
    torc__set_system_call_hook(no_descriptors);
    leave_others();
    run_script_and_expect("kill -KILL $$", "ended:-1:9");
    (void)spawn_shell("exit 2");
    (void)spawn_shell("sleep 0.05; exit 3");
    RUN_UNTIL(strstr(record, "ended:2:0") != NULL && strstr(record, "ended:3:0") != NULL);
    torc__set_system_call_hook(NULL);
}

static void children_are_waited_for_without_descriptors_of_them(void **state)
{
    (void)state;
    on_each_driver(reap_by_signal);
}

/* The program ignores SIGCHLD: the system throws the status away. */
static void lose_the_status(void)
{
    signal(SIGCHLD, SIG_IGN);
    run_script_and_expect("exit 1", "ended:-1:-1");
    signal(SIGCHLD, SIG_DFL);
}

static void a_status_that_is_lost_is_no_hang(void **state)
{
    (void)state;
    on_each_driver(lose_the_status);
}

/* -- many ---------------------------------------------------------------------------------- */

static unsigned running;

static void one_ended(torc_process *self, torc_exit how)
{
    (void)self;
    assert_int_equal(how.status, 0);
    running--;
}

static const torc_process_class counted_class = { .name = "Counted", .ended = one_ended };

static void spawn_many(void)
{
    const char *const nothing[] = { "true", NULL };
    torc_failure *failure = NULL;
    unsigned descriptors;

    assert_non_null(torc_spawn_command(root, &counted_class, nothing, &failure));
    running = 1;
    RUN_UNTIL(running == 0);
    assert_true(torc_iterate(reactor, 0));
    descriptors = open_descriptors();
    for (unsigned i = 0; i < 300; i++) {
        assert_non_null(torc_spawn_command(root, &counted_class, nothing, &failure));
        running++;
        if (running == 20)
            RUN_UNTIL(running == 0);
    }
    RUN_UNTIL(running == 0);
    assert_true(torc_iterate(reactor, 0));
    assert_int_equal(open_descriptors(), descriptors);
    assert_false(has_children());
}

static void many_spawns_leave_nothing_behind(void **state)
{
    (void)state;
    on_each_driver(spawn_many);
}

/* -- ends, once more ----------------------------------------------------------------------- */

static void end_twice(void)
{
    torc_process_options options = {
        .arguments = SHELL("trap '' TERM; echo ready; exec sleep 1000"),
        .patience = 100 * TORC_SECOND,
    };
    torc_process *process = spawn(&options);

    RUN_UNTIL(strstr(record, "ready") != NULL);
    torc_process_end(process);
    torc_process_end(process);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "ended:-1:9"));
}

static void a_child_that_is_asked_to_exit_twice_is_killed(void **state)
{
    (void)state;
    on_each_driver(end_twice);
}

/* The first of the group goes at once; the other ignores SIGTERM, and nobody waits for it here. */
static void end_a_tree_with_its_scope(void)
{
    torc_process_options options = {
        .arguments = SHELL("sh -c \"trap '' TERM; echo ready; sleep 1000\" & wait"),
        .new_group = true,
        .patience = 30 * TORC_MILLISECOND,
    };
    torc_scope *scope = torc_scope_new(root);
    pid_t pid = torc_process_id(spawn_in(scope, &options));

    RUN_UNTIL(strstr(record, "ready") != NULL);
    torc_scope_end(scope);
    record[0] = '\0';
    assert_int_equal(kill(pid, 0), 0);
    RUN_UNTIL(!has_children());
    assert_told("");
}

static void a_tree_whose_scope_ended_is_killed_in_the_end(void **state)
{
    (void)state;
    on_each_driver(end_a_tree_with_its_scope);
}

/* -- its name ------------------------------------------------------------------------------ */

static char logged_in[64];

static void note_context(void *argument, const torc_log_event *event)
{
    (void)argument;
    if (torc_slice_is(event->message, "from within"))
        snprintf(logged_in, sizeof logged_in, "%s", event->context);
}

static void log_and_end(torc_process *self, torc_exit how)
{
    (void)self;
    (void)how;
    torc_log_info("from within");
    done = true;
}

static const torc_process_class logger_class = { .name = "Logger", .ended = log_and_end };

static void log_from_within(void)
{
    const char *const nothing[] = { "true", NULL };
    torc_failure *failure = NULL;
    char expected[64];
    torc_process *process = torc_spawn_command(root, &logger_class, nothing, &failure);

    assert_non_null(process);
    done = false;
    snprintf(expected, sizeof expected, "Logger,%ld", (long)torc_process_id(process));
    RUN_UNTIL(done);
    assert_string_equal(logged_in, expected);
}

static void what_is_logged_in_its_events_names_the_child(void **state)
{
    (void)state;
    assert_true(torc_log_add_observer(TORC_LOG_INFO, note_context, NULL));
    on_each_driver(log_from_within);
    torc_log_remove_observer(note_context, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_may_have_a_terminal),
        cmocka_unit_test(closing_its_terminal_hangs_up),
        cmocka_unit_test(a_signal_is_sent_by_name),
        cmocka_unit_test(name_signals),
        cmocka_unit_test(a_child_is_asked_to_exit),
        cmocka_unit_test(a_child_that_does_not_exit_is_killed),
        cmocka_unit_test(a_tree_is_ended_by_its_group),
        cmocka_unit_test(the_number_of_a_group_stays_its_own_until_the_end),
        cmocka_unit_test(a_child_ends_with_its_scope_inside_its_own_event),
        cmocka_unit_test(a_child_is_killed_when_the_reactor_goes),
        cmocka_unit_test(one_that_stays_is_waited_for_all_the_same),
        cmocka_unit_test(children_that_are_not_ours_are_left_alone),
        cmocka_unit_test(children_are_waited_for_without_descriptors_of_them),
        cmocka_unit_test(a_status_that_is_lost_is_no_hang),
        cmocka_unit_test(many_spawns_leave_nothing_behind),
        cmocka_unit_test(a_child_that_is_asked_to_exit_twice_is_killed),
        cmocka_unit_test(a_tree_whose_scope_ended_is_killed_in_the_end),
        cmocka_unit_test(what_is_logged_in_its_events_names_the_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
