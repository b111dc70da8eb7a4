/*
 * number_lines: runs a command and numbers the lines that it writes; what is typed goes to it.
 *
 *     build/examples/number_lines ping -c 3 localhost
 *     printf 'c\na\nb\n' | build/examples/number_lines sort
 *
 * Two protocols meet: our standard input and output, and the command as a child process. What the
 * command complains of is shown as it is. We exit as the command does.
 */
#include <torc.h>
#include <torc/process.h>

#include <stdio.h>

typedef struct numbering {
    torc_process *command;  /* NULL once it has ended */
    torc_transport *screen; /* NULL once it is lost */
    int status;             /* of the command */
    size_t lines;
    bool in_line;           /* the last line that was shown is not over yet */
} numbering;

/* -- the command --------------------------------------------------------------------------- */

static void show(numbering *self, torc_slice part, bool is_whole)
{
    char number[32];
    int length = snprintf(number, sizeof number, "%6zu  ", self->lines + 1);

    if (!self->in_line)
        torc_write(self->screen, torc_slice_make(number, (size_t)length));
    torc_write(self->screen, part);
    if (is_whole)
        torc_write_static(self->screen, TORC_SLICE("\n"));
    self->lines += is_whole;
    self->in_line = !is_whole;
}

static void command_wrote(torc_process *process, int number, torc_slice data)
{
    numbering *self = process->context;

    (void)number;
    while (self->screen != NULL && data.length > 0) {
        torc_slice line = torc_slice_first(data, torc_slice_find_byte(data, '\n'));
        bool is_whole = line.length < data.length;

        show(self, line, is_whole);
        data = torc_slice_skip(data, line.length + is_whole);
    }
}

/* What was shown last has still to leave. */
static void command_ended(torc_process *process, torc_exit how)
{
    numbering *self = process->context;

    self->command = NULL;
    self->status = how.status >= 0 ? how.status : 128 + how.signal;
    if (self->screen != NULL)
        torc_lose_connection(self->screen);
    else
        torc_stop_with(torc_scope_reactor(torc_process_scope(process)), self->status);
}

static const torc_process_class command_class = {
    .name = "Command",
    .received = command_wrote,
    .ended = command_ended,
};

/* -- the screen and the keyboard ----------------------------------------------------------- */

static void screen_made(torc_protocol *protocol)
{
    ((numbering *)torc_context_of(protocol))->screen = protocol->transport;
}

static void typed(torc_protocol *protocol, torc_slice data)
{
    numbering *self = torc_context_of(protocol);

    if (self->command != NULL)
        torc_process_write(self->command, 0, data);
}

static void typing_ended(torc_protocol *protocol)
{
    numbering *self = torc_context_of(protocol);

    if (self->command != NULL)
        torc_process_close(self->command, 0);
}

/* Perhaps nobody reads what we write: then the command may go. */
static void screen_lost(torc_protocol *protocol, const torc_failure *reason)
{
    numbering *self = torc_context_of(protocol);

    (void)reason;
    self->screen = NULL;
    if (self->command != NULL)
        torc_process_end(self->command);
    else
        torc_stop_with(torc_transport_reactor(protocol->transport), self->status);
}

static const torc_protocol_class screen_class = {
    .name = "Screen",
    .connection_made = screen_made,
    .data_received = typed,
    .read_lost = typing_ended,
    .connection_lost = screen_lost,
};

int main(int argc, char **argv)
{
    torc_child_descriptor descriptors[] = {
        { .number = 0, .end = TORC_CHILD_READS },
        { .number = 1, .end = TORC_CHILD_WRITES },
        { .number = 2, .end = TORC_CHILD_INHERITS },
    };
    torc_process_options options = { .descriptors = descriptors, .descriptor_count = 3 };
    torc_factory_options screen = { .kind = &screen_class };
    torc_reactor *reactor = torc_reactor_new();
    torc_failure *failure = NULL;
    numbering state = { 0 };

    if (argc < 2) {
        fprintf(stderr, "usage: number_lines COMMAND [ARGUMENT ...]\n");
        torc_reactor_free(reactor);
        return 2;
    }
    options.arguments = (const char *const *)(argv + 1);
    state.command = torc_process_spawn(torc_root(reactor), &command_class, &options, &failure);
    if (state.command == NULL) {
        fprintf(stderr, "number_lines: %s\n", torc_failure_text(failure));
        torc_failure_release(failure);
        torc_reactor_free(reactor);
        return 127;
    }
    state.command->context = &state;
    screen.context = &state;
    torc_attach_stdio(torc_root(reactor), torc_factory_new(&screen));
    return torc_run(reactor);
}
