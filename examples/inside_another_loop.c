/*
 * inside_another_loop: an echo server in a program that has a loop of its own. The loop is poll()
 * here, over standard input and the reactor; a line of "quit" ends the program, as SIGINT does.
 */
#include <torc.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void echo_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static const torc_protocol_class echo = {
    .name = "Echo",
    .data_received = echo_data,
};

/* In poll's terms: -1 for ever, else milliseconds, rounded up so that no turn comes too early. */
static int milliseconds_until(torc_time deadline)
{
    torc_time left = deadline - torc_monotonic_now();

    if (deadline == TORC_NEVER)
        return -1;
    if (left <= 0)
        return 0;
    return left > TORC_MINUTE ? 60000 : (int)(left / TORC_MILLISECOND) + 1;
}

/* The program's own work. False when there is no more to read. */
static bool read_command(torc_reactor *reactor)
{
    char line[80];
    ssize_t length = read(STDIN_FILENO, line, sizeof line);

    if (length <= 0)
        return false;
    if (strncmp(line, "quit\n", (size_t)length) == 0)
        torc_stop(reactor);
    else
        printf("there is nothing but 'quit'\n");
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    struct pollfd watched[] = {
        { .fd = torc_reactor_descriptor(reactor), .events = POLLIN },
        { .fd = STDIN_FILENO, .events = POLLIN },
    };

    if (watched[0].fd < 0) {
        fprintf(stderr, "%s has no descriptor to poll\n", torc_reactor_driver_name(reactor));
        torc_reactor_free(reactor);
        return 1;
    }
    torc_listen(torc_root(reactor), argc > 1 ? argv[1] : "tcp:8000", torc_factory_of(&echo));
    do {
        poll(watched, 2, milliseconds_until(torc_reactor_deadline(reactor)));
        if (watched[1].revents != 0 && !read_command(reactor))
            watched[1].fd = -1;
    } while (torc_iterate(reactor, 0));
    torc_reactor_free(reactor);
    return 0;
}
