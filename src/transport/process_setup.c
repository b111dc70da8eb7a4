/*
 * Opening what a child is to have. Each thing that is opened is noted at once, in `theirs` or in
 * `pipes`, so that whatever fails afterwards, torc__setup_close finds all of it.
 */
#include "transport/process_setup.h"

#include "base/memory.h"
#include "base/system_call.h"
#include "transport/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const torc_child_descriptor three_pipes[] = {
    { .number = 0, .end = TORC_CHILD_READS },
    { .number = 1, .end = TORC_CHILD_WRITES },
    { .number = 2, .end = TORC_CHILD_WRITES },
};

/* -- one descriptor ------------------------------------------------------------------------ */

static void map(torc__setup *setup, int number, int source)
{
    setup->spawn.numbers[setup->spawn.count] = number;
    setup->spawn.sources[setup->spawn.count++] = source;
}

static void map_theirs(torc__setup *setup, int number, int source)
{
    setup->theirs[setup->theirs_count++] = source;
    map(setup, number, source);
}

static int open_file(torc__setup *setup, int number, const char *path, int flags)
{
    int descriptor = TORC__CALL(open, path, flags | O_CLOEXEC | O_NOCTTY, 0666);

    if (descriptor < 0)
        return -errno;
    map_theirs(setup, number, descriptor);
    return 0;
}

static torc__setup_pipe *add_pipe(torc__setup *setup, int number, torc_factory *factory)
{
    torc__setup_pipe *pipe = &setup->pipes[setup->pipe_count++];

    pipe->number = number;
    pipe->input = -1;
    pipe->output = -1;
    pipe->factory = factory;
    return pipe;
}

/* Only our end does not block: a child expects that its own does. */
static int open_pipe(torc__setup *setup, const torc_child_descriptor *wanted, bool child_reads)
{
    torc__setup_pipe *pipe;
    int ends[2];
    int ours;

    if (TORC__CALL(pipe2, ends, O_CLOEXEC) < 0)
        return -errno;
    ours = child_reads ? ends[1] : ends[0];
    pipe = add_pipe(setup, wanted->number, wanted->factory);
    if (child_reads)
        pipe->output = ours;
    else
        pipe->input = ours;
    map_theirs(setup, wanted->number, child_reads ? ends[0] : ends[1]);
    return TORC__CALL(fcntl, ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int map_same(torc__setup *setup, int number, int as)
{
    for (size_t i = 0; i < setup->spawn.count; i++)
        if (setup->spawn.numbers[i] == as) {
            map(setup, number, setup->spawn.sources[i]);
            return 0;
        }
    return -EINVAL;
}

/* What is given has to be open, which the child could say less clearly. */
static int map_given(torc__setup *setup, int number, int source)
{
    if (TORC__CALL(fcntl, source, F_GETFD) < 0)
        return -errno;
    map(setup, number, source);
    return 0;
}

/* What we have not got, the child has not got either. */
static int map_inherited(torc__setup *setup, int number)
{
    int error = map_given(setup, number, number);

    return error == -EBADF ? 0 : error;
}

static int open_one(torc__setup *setup, const torc_child_descriptor *wanted)
{
    switch (wanted->end) {
    case TORC_CHILD_NULL:
        return open_file(setup, wanted->number, "/dev/null", O_RDWR);
    case TORC_CHILD_INHERITS:
        return map_inherited(setup, wanted->number);
    case TORC_CHILD_GIVEN:
        return map_given(setup, wanted->number, wanted->descriptor);
    case TORC_CHILD_SAME:
        return map_same(setup, wanted->number, wanted->descriptor);
    case TORC_CHILD_FILE:
        return open_file(setup, wanted->number, wanted->path, wanted->flags);
    case TORC_CHILD_READS:
    case TORC_CHILD_WRITES:
        return open_pipe(setup, wanted, wanted->end == TORC_CHILD_READS);
    default:
        return -EINVAL;
    }
}

/* -- all of them --------------------------------------------------------------------------- */

static int open_terminal(torc__setup *setup, torc_terminal_size size)
{
    torc__setup_pipe *pipe;
    int theirs = -1;
    int ours = -1;
    int error = torc__pty_open(size, &ours, &theirs);

    if (error != 0)
        return error;
    pipe = add_pipe(setup, 0, NULL);
    pipe->input = ours;
    pipe->output = ours;
    map_theirs(setup, 0, theirs);
    map(setup, 1, theirs);
    map(setup, 2, theirs);
    setup->spawn.terminal = theirs;
    setup->spawn.new_session = true;
    return 0;
}

static bool is_fit(const torc__setup *setup, const torc_child_descriptor *wanted)
{
    if (wanted->number < 0 || wanted->number >= TORC__CHILD_NUMBERS_MAX)
        return false;
    for (size_t i = 0; i < setup->spawn.count; i++)
        if (setup->spawn.numbers[i] == wanted->number)
            return false;
    return setup->spawn.count < TORC_CHILD_DESCRIPTORS_MAX;
}

static torc_failure *open_list(
    torc__setup *setup, const torc_child_descriptor *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = is_fit(setup, &list[i]) ? open_one(setup, &list[i]) : -EINVAL;

        if (error == -EINVAL)
            return torc_failure_new(&torc_error_invalid_argument,
                "descriptor %d of a child cannot be what it is to be", list[i].number);
        if (error != 0)
            return torc_failure_from_errno(-error, "cannot open descriptor %d of a child%s%s",
                list[i].number, list[i].end == TORC_CHILD_FILE ? ", " : "",
                list[i].end == TORC_CHILD_FILE ? list[i].path : "");
    }
    return NULL;
}

static torc_failure *open_descriptors(torc__setup *setup, const torc_process_options *options)
{
    int error;

    if (options->terminal != NULL) {
        error = open_terminal(setup, *options->terminal);
        if (error != 0)
            return torc_failure_from_errno(-error, "cannot open a pseudo-terminal for a child");
    } else if (options->descriptors == NULL) {
        return open_list(setup, three_pipes, 3);
    }
    return open_list(setup, options->descriptors, options->descriptor_count);
}

/* The pipes of 0 and 1 become one, the first. */
static void join_pair(torc__setup *setup)
{
    torc__setup_pipe *second = &setup->pipes[1];

    setup->pipes[0].input = second->input;
    second->input = -1;
    setup->pipe_count = 1;
}

static torc_failure *gather_environment(torc__setup *setup, const torc_process_options *options)
{
    torc__spawn *spawn = &setup->spawn;

    spawn->environment =
        options->environment != NULL ? options->environment : torc__environment_own();
    if (options->variables == NULL)
        return NULL;
    setup->environment = torc__environment_with(options->environment, options->variables);
    spawn->environment = setup->environment;
    if (setup->environment != NULL)
        return NULL;
    return torc_failure_new(&torc_error_out_of_memory, "no memory for a child's environment");
}

torc_failure *torc__setup_open(
    torc__setup *setup, const torc_process_options *options, bool pair)
{
    torc__spawn *spawn = &setup->spawn;
    torc_failure *failure;

    memset(setup, 0, sizeof *setup);
    spawn->terminal = -1;
    spawn->arguments = options->arguments;
    spawn->path = options->path;
    spawn->directory = options->directory;
    spawn->umask = options->sets_umask ? &options->umask : NULL;
    spawn->new_group = options->new_group;
    spawn->new_session = options->new_session;
    if (options->arguments == NULL || options->arguments[0] == NULL)
        return torc_failure_new(&torc_error_invalid_argument, "a child has no command");
    failure = gather_environment(setup, options);
    if (failure == NULL && options->user != NULL) {
        failure = torc__user_find(options->user, &setup->user, &setup->groups);
        spawn->user = &setup->user;
    }
    if (failure == NULL)
        failure = open_descriptors(setup, options);
    if (failure == NULL && pair)
        join_pair(setup);
    return failure;
}

void torc__setup_close(torc__setup *setup)
{
    for (size_t i = 0; i < setup->theirs_count; i++)
        close(setup->theirs[i]);
    for (size_t i = 0; i < setup->pipe_count; i++) {
        torc__setup_pipe *pipe = &setup->pipes[i];

        if (pipe->input >= 0)
            close(pipe->input);
        if (pipe->output >= 0 && pipe->output != pipe->input)
            close(pipe->output);
    }
    torc__free(setup->environment);
    torc__free(setup->groups);
}
