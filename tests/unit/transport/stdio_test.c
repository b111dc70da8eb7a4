/*
 * This process's standard input and output as a transport.
 */
#include "transport/attach_support.h"

#include <sys/resource.h>

/* Puts `input` and `output` in the place of 0 and 1, and back. */
static void swap_stdio(int input, int output, int saved[2])
{
    fflush(stdout);
    saved[0] = dup(0);
    saved[1] = dup(1);
    dup2(input, 0);
    dup2(output, 1);
}

static void restore_stdio(const int saved[2])
{
    dup2(saved[0], 0);
    dup2(saved[1], 1);
    close(saved[0]);
    close(saved[1]);
}

static void use_stdio(void)
{
    int saved[2];
    int in[2];
    int out[2];
    char bytes[16] = "";
    int flags[2];

    make_pipe(in);
    make_out(out);
    swap_stdio(in[0], out[1], saved);
    close(in[0]);
    close(out[1]);
    greeting = "hello";
    ends_at_end = true;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    done = false;
    assert_int_equal(write(in[1], "typed", 5), 5);
    close(in[1]);
    RUN_UNTIL(done);
    flags[0] = fcntl(0, F_GETFL);
    flags[1] = fcntl(1, F_GETFL);
    assert_int_equal(write(1, "after", 5), 5);
    restore_stdio(saved);
    assert_int_equal(read(out[0], bytes, sizeof bytes), 10);
    assert_string_equal(bytes, "helloafter");
    assert_told("made typed end lost:ConnectionDone ");
    assert_false(flags[0] & O_NONBLOCK);
    assert_false(flags[1] & O_NONBLOCK);
    close(out[0]);
}

static void standard_input_and_output_are_put_back_and_stay_open(void **state)
{
    (void)state;
    on_each_driver(use_stdio);
}

static void half_close_stdio(void)
{
    int saved[2];
    int in[2];
    int out[2];
    char bytes[16] = "";

    make_pipe(in);
    make_out(out);
    swap_stdio(in[0], out[1], saved);
    close(in[0]);
    close(out[1]);
    greeting = "all";
    ends_at_end = true;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    done = false;
    RUN_UNTIL(transport != NULL);
    torc_lose_write(transport);
    assert_true(torc_iterate(reactor, 0));
    assert_int_equal(read(out[0], bytes, sizeof bytes), 3);
    assert_int_equal(read(out[0], bytes, sizeof bytes), 0);
    assert_int_equal(write(1, "nowhere", 7), 7);
    close(in[1]);
    RUN_UNTIL(done);
    restore_stdio(saved);
    close(out[0]);
    record[0] = '\0';
}

static void the_reader_of_standard_output_sees_our_half_close(void **state)
{
    (void)state;
    on_each_driver(half_close_stdio);
}

/* As in `program | head -1` on a terminal: the input would never end. */
static void lose_the_reader(void)
{
    int saved[2];
    int in[2];
    int out[2];

    make_pipe(in);
    make_out(out);
    swap_stdio(in[0], out[1], saved);
    close(in[0]);
    close(out[1]);
    greeting = NULL;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    done = false;
    RUN_UNTIL(transport != NULL);
    close(out[0]);
    torc_write(transport, TORC_SLICE("line\n"));
    RUN_UNTIL(done);
    restore_stdio(saved);
    assert_told("made lost:ConnectionLost ");
    close(in[1]);
}

static void an_output_that_nobody_reads_ends_stdio(void **state)
{
    (void)state;
    on_each_driver(lose_the_reader);
}

static void use_the_null_device(void)
{
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    int saved[2];

    swap_stdio(nowhere, nowhere, saved);
    close(nowhere);
    greeting = "gone";
    ends_at_end = true;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    done = false;
    RUN_UNTIL(done);
    restore_stdio(saved);
    assert_told("made end lost:ConnectionDone ");
}

static void standard_input_may_be_the_null_device(void **state)
{
    (void)state;
    on_each_driver(use_the_null_device);
}

/* Pipes in the place of 0 and 1; the test's ends are in[1] and out[0]. */
static void use_pipes(int in[2], int out[2], int saved[2])
{
    make_pipe(in);
    make_out(out);
    swap_stdio(in[0], out[1], saved);
    close(in[0]);
    close(out[1]);
    greeting = NULL;
    done = false;
    (void)torc_attach_stdio(root, torc_factory_of(&talker_class));
    RUN_UNTIL(transport != NULL);
}

static void lose_the_reader_while_paused(void)
{
    int saved[2];
    int in[2];
    int out[2];

    use_pipes(in, out, saved);
    torc_pause_reading(transport);
    close(out[0]);
    torc_write(transport, TORC_SLICE("line\n"));
    for (int i = 0; i < 3; i++)
        assert_true(torc_iterate(reactor, 0));
    if (!done)
        torc_resume_reading(transport);
    RUN_UNTIL(done);
    restore_stdio(saved);
    assert_told("made lost:ConnectionLost ");
    close(in[1]);
}

static void an_output_that_breaks_while_reading_is_paused_ends_stdio_in_the_end(void **state)
{
    (void)state;
    on_each_driver(lose_the_reader_while_paused);
}

/* More than the pipe takes, so that the rest waits for room that never comes. */
static void lose_the_reader_of_a_full_pipe(void)
{
    static char much[1024 * 1024];
    int saved[2];
    int in[2];
    int out[2];

    use_pipes(in, out, saved);
    torc_write(transport, torc_slice_make(much, sizeof much));
    assert_true(torc_iterate(reactor, 0));
    assert_false(done);
    close(out[0]);
    RUN_UNTIL(done);
    restore_stdio(saved);
    assert_told("made lost:ConnectionLost ");
    close(in[1]);
}

static void an_output_that_breaks_while_bytes_wait_ends_stdio(void **state)
{
    (void)state;
    on_each_driver(lose_the_reader_of_a_full_pipe);
}

static void half_close_without_a_descriptor(void)
{
    int saved[2];
    int in[2];
    int out[2];
    struct rlimit limit;
    struct rlimit none;

    use_pipes(in, out, saved);
    ends_at_end = true;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    torc_lose_write(transport);
    (void)torc_iterate(reactor, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(write(1, "still", 5), 5);
    close(in[1]);
    RUN_UNTIL(done);
    restore_stdio(saved);
    assert_told("made end lost:ConnectionDone ");
    close(out[0]);
}

static void the_output_stays_where_the_null_device_cannot_be_opened(void **state)
{
    (void)state;
    on_each_driver(half_close_without_a_descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard_input_and_output_are_put_back_and_stay_open),
        cmocka_unit_test(the_reader_of_standard_output_sees_our_half_close),
        cmocka_unit_test(an_output_that_nobody_reads_ends_stdio),
        cmocka_unit_test(standard_input_may_be_the_null_device),
        cmocka_unit_test(an_output_that_breaks_while_reading_is_paused_ends_stdio_in_the_end),
        cmocka_unit_test(an_output_that_breaks_while_bytes_wait_ends_stdio),
        cmocka_unit_test(the_output_stays_where_the_null_device_cannot_be_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
