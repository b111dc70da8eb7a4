/*
 * Processes: what a child gets, and what is told of it, in which order.
 */
#include "transport/process_recorder.h"

#include "support/failing_allocation.h"

/* -- what is told -------------------------------------------------------------------------- */

static void tell_all(void)
{
    torc_process *process = spawn_shell("read x; echo got $x; echo oops >&2; exit 4");

    assert_true(torc_process_id(process) > 0);
    assert_false(torc_process_has_exited(process));
    torc_process_write(process, 0, TORC_SLICE("hello\n"));
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "1:got hello\n "));
    assert_non_null(strstr(record, "2:oops\n "));
    assert_non_null(strstr(record, "closed:0 "));
    assert_non_null(strstr(record, "closed:1 "));
    assert_non_null(strstr(record, "closed:2 "));
    assert_non_null(strstr(record, "exited:4:0 "));
    assert_string_equal(record + strlen(record) - strlen("ended:4:0"), "ended:4:0");
}

static void everything_of_a_child_is_told_and_its_end_last(void **state)
{
    (void)state;
    on_each_driver(tell_all);
}

/* A child of the child holds the pipe: the exit does not wait for that, the end does. */
static void hold_the_pipe(void)
{
    (void)spawn_shell("(sleep 0.2; echo late) & exit 0");
    RUN_UNTIL(strstr(record, "exited:0:0") != NULL);
    assert_null(strstr(record, "late"));
    assert_false(done);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "1:late\n "));
}

static void exited_is_told_apart_from_ended(void **state)
{
    (void)state;
    on_each_driver(hold_the_pipe);
}

static void close_its_input(void)
{
    torc_process_options options = { .arguments = (const char *const[]){ "cat", NULL } };
    torc_process *process = spawn(&options);

    torc_process_write(process, 0, TORC_SLICE("all of it"));
    torc_process_close(process, 0);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "1:all of it "));
    assert_non_null(strstr(record, "ended:0:0"));
}

static void closing_its_input_comes_after_what_was_written(void **state)
{
    (void)state;
    on_each_driver(close_its_input);
}

static void lose_its_input(void)
{
    torc_process *process = spawn_shell("exec 0<&-; echo closed; exec sleep 1000");
    static char bytes[256 * 1024];

    RUN_UNTIL(strstr(record, "1:closed\n") != NULL);
    torc_process_write(process, 0, torc_slice_make(bytes, sizeof bytes));
    RUN_UNTIL(strstr(record, "closed:0 ") != NULL);
    assert_null(torc_process_transport(process, 0));
    torc_process_write(process, 0, TORC_SLICE("dropped"));
    assert_true(torc_process_signal(process, "KILL"));
    RUN_UNTIL(done);
}

static void an_input_that_nobody_reads_is_closed(void **state)
{
    (void)state;
    on_each_driver(lose_its_input);
}

static void spawn_in_ended_scope(void)
{
    torc_process_options options = { .arguments = SHELL("exit 0") };
    torc_scope *scope = torc_scope_new(root);
    torc_failure *failure = NULL;

    torc_scope_end(scope);
    assert_null(torc_process_spawn(scope, &recorder_class, &options, &failure));
    assert_true(torc_failure_is(failure, &torc_error_cancelled));
    torc_failure_release(failure);
}

static void nothing_is_spawned_in_a_scope_that_has_ended(void **state)
{
    (void)state;
    on_each_driver(spawn_in_ended_scope);
}

/* -- what a child gets --------------------------------------------------------------------- */

static void choose_environment(void)
{
    const char *const exactly[] = { "ONE=1", "TWO=2", NULL };
    const char *const variables[] = { "TWO=zwei", "ONE", "THREE=3", NULL };
    torc_process_options options = { .arguments = (const char *const[]){ "/usr/bin/env", NULL } };

    setenv("TORC_TEST", "inherited", 1);
    run_and_expect(&options, "TORC_TEST=inherited\n");
    options.environment = exactly;
    run_and_expect_just(&options, "ONE=1\nTWO=2\n");
    options.variables = variables;
    run_and_expect_just(&options, "TWO=zwei\nTHREE=3\n");
    options.environment = NULL;
    options.variables = (const char *const[]){ "TORC_TEST=replaced", NULL };
    run_and_expect(&options, "TORC_TEST=replaced\n");
}

static void the_environment_is_inherited_replaced_or_changed(void **state)
{
    (void)state;
    on_each_driver(choose_environment);
}

static void choose_place(void)
{
    torc_process_options options = { .arguments = SHELL("pwd; umask"), .directory = "/usr" };

    options.sets_umask = true;
    options.umask = 027;
    run_and_expect_just(&options, "/usr\n0027\n");
}

static void the_directory_and_the_umask_are_its_own(void **state)
{
    (void)state;
    on_each_driver(choose_place);
}

static void choose_user(void)
{
    torc_process_user user = { .uid = 12345, .gid = 23456 };
    const gid_t groups[] = { 34567 };
    const char *const *const name = SHELL("id -un");
    torc_process_options options = { .arguments = SHELL("id -u; id -g; id -G"), .user = &user };
    torc_failure *failure = NULL;

    user.groups = groups;
    user.group_count = 1;
    if (geteuid() == 0) {
        run_and_expect(&options, "12345\n23456\n23456 34567\n");
        user.name = "nobody";
        options.arguments = name;
        run_and_expect(&options, "nobody\n");
    } else {
        assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
        assert_int_equal(torc_failure_code(failure), EPERM);
        torc_failure_release(failure);
    }
    user.name = "torc-no-such-user";
    assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
    assert_string_equal(torc_failure_text(failure), "there is no user named torc-no-such-user");
    torc_failure_release(failure);
}

static void the_user_and_the_groups_are_its_own(void **state)
{
    (void)state;
    on_each_driver(choose_user);
}

/* Also one that is not closed on exec, and one with a high number. */
static void leak_nothing(void)
{
    int low = open("/dev/null", O_RDONLY);
    int high = fcntl(low, F_DUPFD, 500);

    assert_true(high >= 500);
    run_script_and_expect("ls /proc/self/fd | tr '\\n' ','", "1:0,1,2,3, ");
    close(low);
    close(high);
}

static void no_other_descriptor_is_inherited(void **state)
{
    (void)state;
    on_each_driver(leak_nothing);
}

static void reset_signals(void)
{
    sigset_t blocked;
    sigset_t before;

    signal(SIGUSR1, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    run_script_and_expect("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\n\\t'",
        "1:SigBlk:0000000000000000SigIgn:0000000000000000 ");
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGUSR1, SIG_DFL);
}

static void no_signal_is_ignored_or_blocked_in_a_child(void **state)
{
    (void)state;
    on_each_driver(reset_signals);
}

static void map_descriptors(void)
{
    char path[] = "/tmp/torc-process-XXXXXX";
    int file = mkstemp(path);
    torc_child_descriptor list[] = {
        { .number = 0, .end = TORC_CHILD_NULL },
        { .number = 7, .end = TORC_CHILD_WRITES },
        { .number = 1, .end = TORC_CHILD_SAME, .descriptor = 7 },
        { .number = 2, .end = TORC_CHILD_FILE, .path = path, .flags = O_WRONLY | O_APPEND },
        { .number = 4, .end = TORC_CHILD_GIVEN, .descriptor = file },
        { .number = 9, .end = TORC_CHILD_READS },
    };
    torc_process_options options = {
        .arguments = SHELL("cat; cat <&9; echo seven >&7; echo two >&2; echo four >&4"),
        .descriptors = list,
        .descriptor_count = sizeof list / sizeof list[0],
    };
    char bytes[16] = "";
    torc_process *process;

    assert_true(file >= 0);
    assert_int_equal(fcntl(file, F_SETFL, O_APPEND), 0);
    process = spawn(&options);
    torc_process_write(process, 9, TORC_SLICE("nine,"));
    torc_process_close(process, 9);
    RUN_UNTIL(done);
    assert_non_null(strstr(record, "7:nine,"));
    assert_non_null(strstr(record, "seven\n"));
    assert_int_equal(pread(file, bytes, sizeof bytes, 0), 9);
    assert_string_equal(bytes, "two\nfour\n");
    close(file);
    assert_int_equal(unlink(path), 0);
}

static void its_descriptors_are_what_they_are_said_to_be(void **state)
{
    (void)state;
    on_each_driver(map_descriptors);
}

/* Ours stand in each other's way: 0 becomes 1, and 1 becomes 0. */
static void swap_descriptors(void)
{
    int first[2];
    int second[2];
    torc_child_descriptor list[] = {
        { .number = 0, .end = TORC_CHILD_GIVEN },
        { .number = 1, .end = TORC_CHILD_WRITES },
        { .number = 2, .end = TORC_CHILD_NULL },
        { .number = 0, .end = TORC_CHILD_GIVEN },
        { .number = 0, .end = TORC_CHILD_GIVEN },
    };
    char script[64];
    torc_process_options options = {
        .arguments = (const char *const[]){ "bash", "-c", script, NULL },
        .descriptors = list,
        .descriptor_count = 5,
    };
    char bytes[8] = "";

    assert_int_equal(pipe2(first, O_CLOEXEC), 0);
    assert_int_equal(pipe2(second, O_CLOEXEC), 0);
    list[0].descriptor = STDERR_FILENO;
    list[3].number = second[1];
    list[3].descriptor = first[1];
    list[4].number = first[1];
    list[4].descriptor = second[1];
    snprintf(script, sizeof script, "echo one >&%d; echo two >&%d", second[1], first[1]);
    (void)spawn(&options);
    RUN_UNTIL(done);
    assert_int_equal(read(first[0], bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "one\n", 4);
    assert_int_equal(read(second[0], bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "two\n", 4);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}

static void numbers_may_be_swapped(void **state)
{
    (void)state;
    on_each_driver(swap_descriptors);
}

static void refuse_descriptors(void)
{
    torc_child_descriptor list[] = {
        { .number = 1, .end = TORC_CHILD_NULL },
        { .number = 1, .end = TORC_CHILD_NULL },
    };
    torc_process_options options = {
        .arguments = SHELL("exit 0"),
        .descriptors = list,
        .descriptor_count = 2,
    };
    torc_failure *failure = NULL;

    assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
    assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
    torc_failure_release(failure);
    list[1].number = 2;
    list[1].end = TORC_CHILD_FILE;
    list[1].path = "/no/such/file";
    assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
    assert_int_equal(torc_failure_code(failure), ENOENT);
    assert_non_null(strstr(torc_failure_text(failure), "/no/such/file"));
    torc_failure_release(failure);
    list[1].end = TORC_CHILD_GIVEN;
    list[1].descriptor = 9999;
    assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
    assert_int_equal(torc_failure_code(failure), EBADF);
    torc_failure_release(failure);
}

static void bad_descriptors_are_refused_by_their_number(void **state)
{
    (void)state;
    on_each_driver(refuse_descriptors);
}

static void fail_to_run(void)
{
    torc_process_options options = { .arguments = (const char *const[]){ "no-such", NULL } };
    torc_failure *failure = NULL;
    char *huge = malloc(4 * 1024 * 1024);

    assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
    assert_int_equal(torc_failure_code(failure), ENOENT);
    torc_failure_release(failure);
    options.arguments = SHELL("exit 0");
    options.directory = "/no/such/directory";
    assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
    assert_string_equal(torc_failure_text(failure),
        "cannot enter the directory of sh: No such file or directory");
    torc_failure_release(failure);
    memset(huge, 'x', 4 * 1024 * 1024 - 1);
    huge[4 * 1024 * 1024 - 1] = '\0';
    options.directory = NULL;
    options.arguments = (const char *const[]){ "echo", huge, NULL };
    assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
    assert_int_equal(torc_failure_code(failure), E2BIG);
    torc_failure_release(failure);
    free(huge);
    assert_false(has_children());
}

static void what_cannot_be_run_leaves_nothing_behind(void **state)
{
    (void)state;
    on_each_driver(fail_to_run);
}

static void expect_unfit(torc_child_descriptor unfit)
{
    torc_child_descriptor list[] = { { .number = 0, .end = TORC_CHILD_NULL }, unfit };
    torc_process_options options = {
        .arguments = SHELL("exit 0"),
        .descriptors = list,
        .descriptor_count = 2,
    };
    torc_failure *failure = NULL;
    char expected[96];

    snprintf(expected, sizeof expected, "descriptor %d of a child cannot be what it is to be",
        unfit.number);
    assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
    assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
    assert_string_equal(torc_failure_text(failure), expected);
    torc_failure_release(failure);
}

static const torc_protocol_class unused_class = { .name = "Unused" };

static void refuse_what_no_descriptor_can_be(void)
{
    expect_unfit((torc_child_descriptor){ .number = -1, .end = TORC_CHILD_NULL });
    expect_unfit((torc_child_descriptor){ .number = 100000, .end = TORC_CHILD_NULL });
    expect_unfit((torc_child_descriptor){ .number = 1, .end = (torc_child_end)99 });
    /* The same as one that is not there. */
    expect_unfit((torc_child_descriptor){
        .number = 1, .end = TORC_CHILD_SAME, .descriptor = 7 });
    /* The factory of a pipe is taken over also where nothing starts. */
    expect_unfit((torc_child_descriptor){ .number = 0, .end = TORC_CHILD_WRITES,
        .factory = torc_factory_of(&unused_class) });
}

static void what_no_descriptor_can_be_is_refused(void **state)
{
    (void)state;
    on_each_driver(refuse_what_no_descriptor_can_be);
}

/* After the process and its child: the entry of the user, and then the groups. */
static void look_up_without_memory(void)
{
    torc_process_user user = { .name = "nobody" };
    torc_process_options options = { .arguments = SHELL("exit 0"), .user = &user };

    for (unsigned passed = 2; passed < 4; passed++) {
        torc_failure *failure = NULL;

        fail_allocation_after(passed);
        assert_null(torc_process_spawn(root, &recorder_class, &options, &failure));
        allow_allocations();
        assert_string_equal(torc_failure_text(failure),
            "cannot look up the user nobody: Cannot allocate memory");
        torc_failure_release(failure);
    }
}

static void without_memory_no_user_is_looked_up(void **state)
{
    (void)state;
    on_each_driver(look_up_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_of_a_child_is_told_and_its_end_last),
        cmocka_unit_test(exited_is_told_apart_from_ended),
        cmocka_unit_test(closing_its_input_comes_after_what_was_written),
        cmocka_unit_test(an_input_that_nobody_reads_is_closed),
        cmocka_unit_test(nothing_is_spawned_in_a_scope_that_has_ended),
        cmocka_unit_test(the_environment_is_inherited_replaced_or_changed),
        cmocka_unit_test(the_directory_and_the_umask_are_its_own),
        cmocka_unit_test(the_user_and_the_groups_are_its_own),
        cmocka_unit_test(no_other_descriptor_is_inherited),
        cmocka_unit_test(no_signal_is_ignored_or_blocked_in_a_child),
        cmocka_unit_test(its_descriptors_are_what_they_are_said_to_be),
        cmocka_unit_test(numbers_may_be_swapped),
        cmocka_unit_test(bad_descriptors_are_refused_by_their_number),
        cmocka_unit_test(what_cannot_be_run_leaves_nothing_behind),
        cmocka_unit_test(what_no_descriptor_can_be_is_refused),
        cmocka_unit_test(without_memory_no_user_is_looked_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
