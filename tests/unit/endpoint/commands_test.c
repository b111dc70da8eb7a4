/*
 * Endpoints that are no sockets: process, with real children, and stdio, with pipes in the place
 * of this process's 0 and 1; on each driver.
 */
#include "endpoint/harness.h"

#include "support/failing_allocation.h"
#include "support/failing_system_call.h"

#include <torc/process.h>

#include <signal.h>

static char got[4096];
static int got_length;
static torc_protocol *last;
static torc_failure *lost_for;

static void keeper_made(torc_protocol *self)
{
    last = self;
    counter_made(self);
}

static void keeper_data(torc_protocol *self, torc_slice data)
{
    (void)self;
    assert_true(data.length < sizeof(got) - (size_t)got_length);
    memcpy(got + got_length, data.data, data.length);
    got_length += (int)data.length;
}

static void keeper_lost(torc_protocol *self, const torc_failure *reason)
{
    torc_failure_release(lost_for);
    lost_for = torc_failure_hold(reason);
    counter_lost(self, reason);
}

static const torc_protocol_class keeper_class = {
    .name = "Keeper",
    .connection_made = keeper_made,
    .data_received = keeper_data,
    .connection_lost = keeper_lost,
};

static torc_factory *keepers(void)
{
    static const torc_factory_options options = {
        .kind = &keeper_class,
        .context = &count,
        .release = note_release,
        .started = note_start,
    };

    return torc_factory_new(&options);
}

static int set_up_keepers(void **state)
{
    got_length = 0;
    memset(got, 0, sizeof(got));
    lost_for = NULL;
    return set_up(state);
}

static int tear_down_keepers(void **state)
{
    int status = tear_down(state);

    torc_failure_release(lost_for);
    return status;
}

static void connect_to(const char *description)
{
    outcome connected;

    watch_outcome(torc_connect(scope, description, keepers()), &connected);
    assert_succeeded(&connected);
    assert_ptr_equal(connected.pointer, last);
}

static void write_to_last(const char *text)
{
    torc_write(last->transport, torc_slice_of(text));
}

static void assert_got(const char *text)
{
    run_until(&got_length, (int)strlen(text));
    got[got_length] = '\0';
    assert_string_equal(got, text);
}

static void assert_lost_for(const torc_failure_type *type, const char *text)
{
    run_until(&count.lost, 1);
    if (!torc_failure_is(lost_for, type) || strstr(torc_failure_text(lost_for), text) == NULL)
        fail_msg("is %s: %s", torc_failure_type_of(lost_for)->name, torc_failure_text(lost_for));
}

/* What the file holds once it ends with '\n'. */
static void read_when_written(const char *path, char *text, size_t size)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    do {
        FILE *file = fopen(path, "r");

        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, TORC_MILLISECOND);
        text[0] = '\0';
        if (file != NULL && fgets(text, (int)size, file) == NULL)
            text[0] = '\0';
        if (file != NULL)
            fclose(file);
    } while (strchr(text, '\n') == NULL);
    unlink(path);
}

static void run_until_gone(pid_t pid)
{
    torc_time deadline = torc_time_add(torc_monotonic_now(), PATIENCE);

    while (kill(pid, 0) == 0) {
        assert_true(torc_monotonic_now() < deadline);
        torc_iterate(reactor, TORC_MILLISECOND);
    }
}

/* A child that stays, behind `around` ("%s" stands for its endpoint); gives its number. */
static pid_t connect_to_sleeper(const char *around, torc_deferred **ret_connected)
{
    char command[256];
    char description[512];
    char number[32];

    snprintf(command, sizeof(command), around, path_of("pid"));
    snprintf(description, sizeof(description), "%s", command);
    *ret_connected = torc_connect(scope, description, keepers());
    read_when_written(path_of("pid"), number, sizeof(number));
    return (pid_t)strtol(number, NULL, 10);
}

#define SLEEPER "process:sh:-c:echo $$ > %s; exec sleep 1000"
#define SLEEPER_BEHIND_A_PROXY \
    "socks:a.test:80:endpoint=process\\:sh\\:-c\\:echo $$ > %s; exec sleep 1000"

/* -- process ------------------------------------------------------------------------------- */

static void a_command_answers_as_a_peer_does(void **state)
{
    (void)state;
    connect_to("process:cat");
    write_to_last("hello");
    assert_got("hello");
    torc_lose_write(last->transport);
    assert_lost_for(&torc_error_connection_done, "cleanly");
    run_until(&count.released, 1);
}

static void arguments_are_written_by_the_descriptions_rules(void **state)
{
    (void)state;
    connect_to("process:printf:%s,%s,%s,%s:a\\:b:c\\=d::\\[e\\\\");
    assert_got("a:b,c=d,,[e\\");
}

static void a_command_has_the_directory_and_the_variables_that_are_given(void **state)
{
    (void)state;
    setenv("TORC_TEST_GONE", "there", 1);
    connect_to("process:directory=/proc:sh:variable=GREETING=a=b:-c:"
        "pwd; echo $GREETING ${TORC_TEST_GONE-gone}:variable=TORC_TEST_GONE");
    assert_got("/proc\na=b gone\n");
    unsetenv("TORC_TEST_GONE");
}

static void a_struct_says_the_same(void **state)
{
    const char *const arguments[] = { "sh", "-c", "echo \"$A:$1\"; pwd", "sh", "=[x]", NULL };
    const char *const variables[] = { "A=1", NULL };
    const torc_endpoint endpoint = { .kind = "process", .arguments = arguments,
        .variables = variables, .directory = "/proc" };
    outcome connected;

    (void)state;
    watch_outcome(torc_connect_to(scope, &endpoint, keepers()), &connected);
    assert_succeeded(&connected);
    assert_got("1:=[x]\n/proc\n");
}

static void the_end_says_how_the_command_exited(void **state)
{
    const torc_failure *cause;

    (void)state;
    connect_to("process:sh:-c:echo x; exit 3");
    assert_lost_for(&torc_error_connection_lost, "the command exited with status 3");
    cause = torc_failure_cause(lost_for);
    assert_true(torc_failure_is(cause, &torc_error_exited));
    assert_int_equal(got_length, 2);
}

static void the_end_says_which_signal_killed_the_command(void **state)
{
    (void)state;
    connect_to("process:sh:-c:kill -9 $$");
    assert_lost_for(&torc_error_connection_lost, "the command was killed by signal 9");
}

static void the_end_says_how_the_command_exited_also_to_who_writes(void **state)
{
    char bytes[4096];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    connect_to("process:sh:-c:exec <&-; sleep 0.05; exit 4");
    for (int i = 0; i < 64 && count.lost == 0; i++) {
        torc_write(last->transport, torc_slice_make(bytes, sizeof(bytes)));
        torc_iterate(reactor, TORC_MILLISECOND);
    }
    assert_lost_for(&torc_error_connection_lost, "exited with status 4");
}

static void a_command_that_goes_on_without_output_is_waited_for_a_while(void **state)
{
    torc_time began = torc_monotonic_now();

    (void)state;
    /* It takes its time, and no driver makes a difference to that. */
    if (strcmp(driver_name, torc_driver_name(0)) != 0)
        return;
    connect_to("process:sh:-c:exec >&-; exec sleep 1000");
    assert_lost_for(&torc_error_connection_done, "cleanly");
    assert_true(torc_monotonic_now() - began >= TORC_SECOND);
}

static void an_end_waits_while_nothing_is_read(void **state)
{
    (void)state;
    connect_to("process:sh:-c:read line; exit 5");
    torc_pause_reading(last->transport);
    write_to_last("go\n");
    run_turns(50);
    assert_int_equal(count.lost, 0);
    torc_resume_reading(last->transport);
    assert_lost_for(&torc_error_connection_lost, "exited with status 5");
}

static void what_cannot_be_started_is_a_failure_to_connect(void **state)
{
    static const struct {
        const char *description;
        const char *text;
    } cases[] = {
        { "process:/no/such/command", "cannot connect to process:/no/such/command: " },
        { "process:/no/such/command", "No such file or directory" },
        { "process:/etc/passwd", "Permission denied" },
        { "process:cat:directory=/no/such", "cannot enter" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        outcome connected;

        watch_outcome(torc_connect(scope, cases[i].description, keepers()), &connected);
        assert_failed(&connected, &torc_error_connect, cases[i].text);
    }
    assert_int_equal(count.made, 0);
}

static void descriptions_of_nothing_are_refused(void **state)
{
    static const struct {
        const char *description;
        const char *text;
    } cases[] = {
        { "process", "the command is missing; write process:" },
        { "process:", "the command is missing" },
        { "process:dd:if=/dev/zero", "takes no 'if'; it takes variable, directory and timeout" },
        { "process:cat:variable==x", "variable must be NAME=value" },
        { "process:cat:directory=", "directory must not be empty" },
        { "process:cat:directory=/:directory=/", "directory is given twice" },
        { "process:cat:timeout=x", "timeout must be" },
        { "stdio:", "stdio is not for connecting" },
    };
    outcome told;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        watch_outcome(torc_connect(scope, cases[i].description, keepers()), &told);
        assert_failed(&told, &torc_error_invalid_argument, cases[i].text);
    }
    watch_outcome(torc_port_opened(torc_listen(scope, "process:cat", keepers())), &told);
    assert_failed(&told, &torc_error_invalid_argument, "process is not for listening");
    watch_outcome(torc_port_opened(torc_listen(scope, "stdio:x", keepers())), &told);
    assert_failed(&told, &torc_error_invalid_argument, "stdio takes no arguments");
}

static void cancelled_before_its_turn_nothing_is_started(void **state)
{
    char description[256];

    (void)state;
    snprintf(description, sizeof(description), "process:touch:%s", path_of("ran"));
    torc_cancel(torc_connect(scope, description, keepers()));
    run_turns(20);
    assert_int_equal(access(path_of("ran"), F_OK), -1);
    assert_int_equal(count.released, 1);
}

static void cancelled_on_its_way_the_command_is_asked_to_exit(void **state)
{
    torc_deferred *connected;
    pid_t pid;

    (void)state;
    pid = connect_to_sleeper(SLEEPER_BEHIND_A_PROXY, &connected);
    torc_cancel(connected);
    run_until_gone(pid);
    assert_int_equal(count.made, 0);
}

static void an_aborted_connection_asks_the_command_to_exit(void **state)
{
    torc_deferred *connected;
    pid_t pid;

    (void)state;
    pid = connect_to_sleeper(SLEEPER, &connected);
    torc_abort_connection(last->transport);
    run_until_gone(pid);
    assert_lost_for(&torc_error_connection_aborted, "aborted");
}

static void the_end_of_the_scope_asks_the_command_to_exit(void **state)
{
    torc_deferred *connected;
    pid_t pid;

    (void)state;
    pid = connect_to_sleeper(SLEEPER, &connected);
    torc_scope_end(scope);
    run_until_gone(pid);
    assert_int_equal(count.lost, 1);
}

static void a_command_finishes_its_work_when_the_connection_is_closed(void **state)
{
    char description[256];
    char text[64];

    (void)state;
    snprintf(description, sizeof(description),
        "process:sh:-c:read a; cat; sleep 0.05; echo $a > %s", path_of("done"));
    connect_to(description);
    write_to_last("work\n");
    torc_lose_connection(last->transport);
    assert_lost_for(&torc_error_connection_done, "cleanly");
    read_when_written(path_of("done"), text, sizeof(text));
    assert_string_equal(text, "work\n");
}

static void layers_stand_around_a_command(void **state)
{
    (void)state;
    connect_to("haproxy:process:cat");
    assert_got("PROXY UNKNOWN\r\n");
}

static bool survives(const char *description, unsigned number)
{
    outcome connected;
    bool failed;

    watch_outcome(torc_connect(scope, description, counters()), &connected);
    fail_allocation_after(number);
    run_until(&connected.fired, 1);
    run_turns(3);
    failed = an_allocation_failed();
    allow_allocations();
    torc_failure_release(connected.failure);
    return failed;
}

static void each_allocation_of_starting_a_command_may_fail(void **state)
{
    unsigned number = 0;

    (void)state;
    while (survives("process:true", number))
        number++;
    assert_true(number > 3);
}

static void each_system_call_of_starting_a_command_may_fail(void **state)
{
    (void)state;
    for (unsigned number = 0;; number++) {
        outcome connected;
        bool chosen;

        watch_outcome(torc_connect(scope, "process:true", counters()), &connected);
        fail_system_call_after(number, 0);
        run_until(&connected.fired, 1);
        run_turns(3);
        chosen = a_system_call_was_chosen();
        allow_system_calls();
        torc_failure_release(connected.failure);
        if (!chosen)
            break;
    }
}

static void too_many_open_files_are_told(void **state)
{
    outcome connected;

    (void)state;
    fail_system_calls_named("pipe2", EMFILE);
    watch_outcome(torc_connect(scope, "process:cat", counters()), &connected);
    run_until(&connected.fired, 1);
    allow_system_calls();
    assert_failed(&connected, &torc_error_connect, "Too many open files");
}

/* -- stdio --------------------------------------------------------------------------------- */

static int saved[2] = { -1, -1 };

/* What is written to `ret_write` comes to our 0, and what goes to 1 is read from `ret_read`. */
static void replace_stdio(int *ret_write, int *ret_read)
{
    int in[2];
    int out[2];

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fflush(stdout);
    saved[0] = fcntl(0, F_DUPFD_CLOEXEC, 3);
    saved[1] = fcntl(1, F_DUPFD_CLOEXEC, 3);
    dup2(in[0], 0);
    dup2(out[1], 1);
    close(in[0]);
    close(out[1]);
    *ret_write = in[1];
    *ret_read = out[0];
}

static void restore_stdio(void)
{
    for (int i = 0; i < 2; i++) {
        if (saved[i] < 0)
            continue;
        dup2(saved[i], i);
        close(saved[i]);
        saved[i] = -1;
    }
}

/* What it prints would be the peer's. */
static int tear_down_stdio(void **state)
{
    restore_stdio();
    return tear_down_keepers(state);
}

static torc_port *listen_on_stdio(void)
{
    torc_port *port = torc_listen(scope, "stdio:", keepers());
    outcome opened;

    watch_outcome(torc_port_opened(port), &opened);
    assert_succeeded(&opened);
    return port;
}

static void standard_input_and_output_are_one_connection(void **state)
{
    char answer[16] = "";
    int to;
    int from;

    (void)state;
    replace_stdio(&to, &from);
    (void)listen_on_stdio();
    run_until(&count.made, 1);
    assert_int_equal(write(to, "hello", 5), 5);
    assert_got("hello");
    write_to_last("answer");
    torc_lose_connection(last->transport);
    run_until(&count.lost, 1);
    assert_int_equal(read(from, answer, sizeof(answer) - 1), 6);
    assert_string_equal(answer, "answer");
    run_turns(5);
    assert_int_equal(count.made, 1);
    close(to);
    close(from);
}

static void stdio_is_one_listener_s_until_its_connection_is_over(void **state)
{
    outcome told;
    torc_port *port;
    int to;
    int from;

    (void)state;
    replace_stdio(&to, &from);
    port = listen_on_stdio();
    watch_outcome(torc_port_opened(torc_listen(scope, "stdio", keepers())), &told);
    assert_failed(&told, &torc_error_listen, "another listener or connection");
    run_until(&count.made, 1);
    watch_outcome(torc_port_stop(port), &told);
    assert_succeeded(&told);
    watch_outcome(torc_port_opened(torc_listen(scope, "stdio:", keepers())), &told);
    assert_failed(&told, &torc_error_listen, "another listener or connection");
    close(to);
    run_until(&count.lost, 1);
    (void)listen_on_stdio();
    run_until(&count.made, 2);
    run_until(&count.lost, 2);
    close(from);
}

static void a_listener_that_stops_gives_the_streams_back(void **state)
{
    outcome stopped;
    int to;
    int from;

    (void)state;
    replace_stdio(&to, &from);
    watch_outcome(torc_port_stop(torc_listen(scope, "stdio:", keepers())), &stopped);
    assert_succeeded(&stopped);
    assert_int_equal(count.made, 0);
    (void)listen_on_stdio();
    run_until(&count.made, 1);
    close(to);
    close(from);
}

static void closed_streams_cannot_be_listened_on(void **state)
{
    outcome opened;
    int to;
    int from;

    (void)state;
    replace_stdio(&to, &from);
    close(0);
    watch_outcome(torc_port_opened(torc_listen(scope, "stdio:", keepers())), &opened);
    restore_stdio();
    assert_failed(&opened, &torc_error_listen, "leave 0 and 1 open");
    close(to);
    close(from);
}

static void layers_stand_around_stdio(void **state)
{
    int to;
    int from;

    (void)state;
    replace_stdio(&to, &from);
    (void)torc_listen(scope, "haproxy:stdio:", keepers());
    assert_int_equal(write(to, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhi", 38), 38);
    assert_got("hi");
    close(to);
    run_until(&count.lost, 1);
    close(from);
}

static void each_allocation_of_stdio_may_fail(void **state)
{
    bool failed = true;
    int to;
    int from;

    (void)state;
    replace_stdio(&to, &from);
    for (unsigned number = 0; failed; number++) {
        torc_scope *listening = torc_scope_new(scope);
        outcome opened;

        spare_vital_allocations();
        fail_allocation_after(number);
        watch_outcome(torc_port_opened(torc_listen(listening, "stdio:", counters())), &opened);
        run_until(&opened.fired, 1);
        run_turns(3);
        failed = an_allocation_failed();
        allow_allocations();
        torc_failure_release(opened.failure);
        torc_scope_end(listening);
        run_turns(2);
    }
    assert_true(count.made > 0);
    close(to);
    close(from);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_keepers, tear_down_keepers)
#define STDIO(name) cmocka_unit_test_setup_teardown(name, set_up_keepers, tear_down_stdio)
    const struct CMUnitTest tests[] = {
        TEST(a_command_answers_as_a_peer_does),
        TEST(arguments_are_written_by_the_descriptions_rules),
        TEST(a_command_has_the_directory_and_the_variables_that_are_given),
        TEST(a_struct_says_the_same),
        TEST(the_end_says_how_the_command_exited),
        TEST(the_end_says_which_signal_killed_the_command),
        TEST(the_end_says_how_the_command_exited_also_to_who_writes),
        TEST(a_command_that_goes_on_without_output_is_waited_for_a_while),
        TEST(an_end_waits_while_nothing_is_read),
        TEST(what_cannot_be_started_is_a_failure_to_connect),
        TEST(descriptions_of_nothing_are_refused),
        TEST(cancelled_before_its_turn_nothing_is_started),
        TEST(cancelled_on_its_way_the_command_is_asked_to_exit),
        TEST(an_aborted_connection_asks_the_command_to_exit),
        TEST(the_end_of_the_scope_asks_the_command_to_exit),
        TEST(a_command_finishes_its_work_when_the_connection_is_closed),
        TEST(layers_stand_around_a_command),
        TEST(each_allocation_of_starting_a_command_may_fail),
        TEST(each_system_call_of_starting_a_command_may_fail),
        TEST(too_many_open_files_are_told),
        STDIO(standard_input_and_output_are_one_connection),
        STDIO(stdio_is_one_listener_s_until_its_connection_is_over),
        STDIO(a_listener_that_stops_gives_the_streams_back),
        STDIO(closed_streams_cannot_be_listened_on),
        STDIO(layers_stand_around_stdio),
        STDIO(each_allocation_of_stdio_may_fail),
    };

    signal(SIGPIPE, SIG_IGN);
    return run_endpoint_tests(tests);
}
