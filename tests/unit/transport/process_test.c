/*
 * Processes: what a child gets, what is told of it and in which order, and how it ends.
 */
#include "transport/process_support.h"

#include <sys/resource.h>
#include <sys/stat.h>

typedef struct recorder {
    torc_process process; /* first */
    unsigned exits;
    unsigned ends;
} recorder;

static char output[65536]; /* what was received, joined */
static recorder *last; /* that was spawned; NULL once it has ended */
static bool ends_scope;
static torc_scope *scope_to_end;

static void received(torc_process *self, int number, torc_slice data)
{
    (void)self;
    if (strlen(record) + data.length < sizeof record / 2)
        note("%d:%.*s ", number, TORC_FMT(data));
    if (strlen(output) + data.length < sizeof output)
        strncat(output, data.data, data.length);
    if (ends_scope)
        torc_scope_end(scope_to_end);
}

static void closed(torc_process *self, int number)
{
    (void)self;
    note("closed:%d ", number);
}

static void exited(torc_process *self, torc_exit how)
{
    ((recorder *)(void *)self)->exits++;
    assert_true(torc_process_has_exited(self));
    note("exited:%d:%d ", how.status, how.signal);
}

static void ended(torc_process *self, torc_exit how)
{
    recorder *of = (recorder *)(void *)self;

    of->ends++;
    assert_int_equal(of->exits, 1);
    assert_int_equal(of->ends, 1);
    note("ended:%d:%d", how.status, how.signal);
    if (of == last)
        last = NULL;
    done = true;
}

static const torc_process_class recorder_class = {
    .name = "Recorder",
    .size = sizeof(recorder),
    .received = received,
    .closed = closed,
    .exited = exited,
    .ended = ended,
};

static torc_process *spawn_in(torc_scope *scope, const torc_process_options *options)
{
    torc_failure *failure = NULL;
    torc_process *process = torc_spawn(scope, &recorder_class, options, &failure);

    if (process == NULL)
        fail_msg("%s", torc_failure_text(failure));
    last = (recorder *)(void *)process;
    done = false;
    return process;
}

static torc_process *spawn(const torc_process_options *options)
{
    return spawn_in(root, options);
}

static torc_process *spawn_shell(const char *script)
{
    torc_process_options options = { .arguments = SHELL(script) };

    return spawn(&options);
}

/* Among what was told, or what it said. */
static void run_and_expect(const torc_process_options *options, const char *expected)
{
    record[0] = '\0';
    output[0] = '\0';
    (void)spawn(options);
    RUN_UNTIL(done);
    if (strstr(record, expected) == NULL && strstr(output, expected) == NULL)
        fail_msg("told %s, not %s", record, expected);
    record[0] = '\0';
}

/* All that it said. */
static void run_and_expect_just(const torc_process_options *options, const char *expected)
{
    run_and_expect(options, expected);
    assert_string_equal(output, expected);
}

static void run_script_and_expect(const char *script, const char *expected)
{
    torc_process_options options = { .arguments = SHELL(script) };

    run_and_expect(&options, expected);
}

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
    assert_null(torc_spawn(scope, &recorder_class, &options, &failure));
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
        assert_null(torc_spawn(root, &recorder_class, &options, &failure));
        assert_int_equal(torc_failure_code(failure), EPERM);
        torc_failure_release(failure);
    }
    user.name = "torc-no-such-user";
    assert_null(torc_spawn(root, &recorder_class, &options, &failure));
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

    assert_null(torc_spawn(root, &recorder_class, &options, &failure));
    assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
    torc_failure_release(failure);
    list[1].number = 2;
    list[1].end = TORC_CHILD_FILE;
    list[1].path = "/no/such/file";
    assert_null(torc_spawn(root, &recorder_class, &options, &failure));
    assert_int_equal(torc_failure_code(failure), ENOENT);
    assert_non_null(strstr(torc_failure_text(failure), "/no/such/file"));
    torc_failure_release(failure);
    list[1].end = TORC_CHILD_GIVEN;
    list[1].descriptor = 9999;
    assert_null(torc_spawn(root, &recorder_class, &options, &failure));
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

    assert_null(torc_spawn(root, &recorder_class, &options, &failure));
    assert_int_equal(torc_failure_code(failure), ENOENT);
    torc_failure_release(failure);
    options.arguments = SHELL("exit 0");
    options.directory = "/no/such/directory";
    assert_null(torc_spawn(root, &recorder_class, &options, &failure));
    assert_string_equal(torc_failure_text(failure),
        "cannot enter the directory of sh: No such file or directory");
    torc_failure_release(failure);
    memset(huge, 'x', 4 * 1024 * 1024 - 1);
    huge[4 * 1024 * 1024 - 1] = '\0';
    options.directory = NULL;
    options.arguments = (const char *const[]){ "echo", huge, NULL };
    assert_null(torc_spawn(root, &recorder_class, &options, &failure));
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
        cmocka_unit_test(a_child_may_have_a_terminal),
        cmocka_unit_test(closing_its_terminal_hangs_up),
        cmocka_unit_test(a_signal_is_sent_by_name),
        cmocka_unit_test(name_signals),
        cmocka_unit_test(a_child_is_asked_to_exit),
        cmocka_unit_test(a_child_that_does_not_exit_is_killed),
        cmocka_unit_test(a_tree_is_ended_by_its_group),
        cmocka_unit_test(a_child_ends_with_its_scope_inside_its_own_event),
        cmocka_unit_test(a_child_is_killed_when_the_reactor_goes),
        cmocka_unit_test(one_that_stays_is_waited_for_all_the_same),
        cmocka_unit_test(children_that_are_not_ours_are_left_alone),
        cmocka_unit_test(children_are_waited_for_without_descriptors_of_them),
        cmocka_unit_test(a_status_that_is_lost_is_no_hang),
        cmocka_unit_test(many_spawns_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
