/*
 * greeter_test: a protocol and its tests, without a socket and without waiting. docs/testing.md
 * explains it step by step.
 */
#include <torc.h>
#include <torc/line.h>
#include <torc/testing.h>

#include <stdio.h>

/* -- the protocol: asks for a name, greets whoever says one, hangs up on who says nothing ---- */

#define PATIENCE (30 * TORC_SECOND)

typedef struct greeter {
    torc_line_receiver lines; /* first member */
    torc_timer idle;
} greeter;

static void hang_up(void *argument)
{
    torc_printf(argument, "Good night.\r\n");
    torc_lose_connection(((torc_protocol *)argument)->transport);
}

static void wait_for_a_name(greeter *self)
{
    torc_timer_set(&self->idle, torc_scope_of(self), PATIENCE, hang_up, self);
}

static void greeter_made(torc_protocol *self)
{
    torc_printf(self, "Who is there?\r\n");
    wait_for_a_name(torc_of(self, greeter));
}

static void greeter_line(torc_line_receiver *lines, torc_slice line)
{
    torc_printf(lines, "Hello, %.*s.\r\n", TORC_FMT(line));
    wait_for_a_name(torc_of(lines, greeter));
}

static const torc_line_class greeter_class = {
    .protocol = {
        .name = "Greeter",
        .size = sizeof(greeter),
        .connection_made = greeter_made,
    },
    .line_received = greeter_line,
};

/* -- its tests ----------------------------------------------------------------------------- */

static void a_name_is_greeted(void)
{
    torc_test *t = torc_test_new(torc_line_factory(&greeter_class));

    torc_test_expect(t, "Who is there?\r\n");
    torc_test_send(t, "Ada\r\n");
    torc_test_expect(t, "Hello, Ada.\r\n");
    torc_test_free(t);
}

static void however_the_bytes_are_cut(void)
{
    for (size_t size = 1; size <= 12; size++) {
        torc_test_options options = { .cut_every = size };
        torc_test *t = torc_test_new_with(torc_line_factory(&greeter_class), &options);

        torc_test_send(t, "Ada\r\nGrace\r\n");
        torc_test_expect(t, "Who is there?\r\nHello, Ada.\r\nHello, Grace.\r\n");
        torc_test_free(t);
    }
}

static void who_says_nothing_is_hung_up_on(void)
{
    torc_test *t = torc_test_new(torc_line_factory(&greeter_class));

    torc_test_advance(t, 29 * TORC_SECOND);
    torc_test_expect(t, "Who is there?\r\n");
    torc_test_send(t, "Ada\r\n");
    torc_test_advance(t, 29 * TORC_SECOND);
    torc_test_expect(t, "Hello, Ada.\r\n");
    torc_test_advance(t, TORC_SECOND);
    torc_test_expect(t, "Good night.\r\n");
    if (torc_test_state(t) != TORC_TEST_CLOSED)
        torc_testing_failed("the greeter did not hang up");
    torc_test_free(t);
}

static void a_reset_in_the_middle_of_a_name_leaves_nothing_behind(void)
{
    torc_test *t = torc_test_new(torc_line_factory(&greeter_class));

    torc_test_send(t, "Ad");
    torc_test_reset(t);
    if (!torc_failure_is(torc_test_reason(t), &torc_error_connection_lost))
        torc_testing_failed("a reset is a loss");
    torc_test_free(t);
}

int main(void)
{
    a_name_is_greeted();
    however_the_bytes_are_cut();
    who_says_nothing_is_hung_up_on();
    a_reset_in_the_middle_of_a_name_leaves_nothing_behind();
    puts("ok");
    return 0;
}
