/*
 * process: child processes, and this process's own standard input and output.
 *
 * The short forms run a command and give what came of it:
 *
 *     const char *const tail[] = { "tail", "-n", "10", "/var/log/syslog", NULL };
 *     torc_deferred *output = torc_process_output(torc_scope_of(self), tail);
 *
 *     torc_add_callback(output, send_output, self);
 *     torc_add_errback(output, torc_log_failure, "tail");
 *
 * Any protocol may talk to a command through its standard input and output:
 *
 *     torc_connect_process(scope, bc, torc_line_factory(&calculator_class));
 *
 * The long form, torc_process_spawn, tells of each thing as it happens, and lets one say what the
 * child gets for each of its descriptors, who it runs as, and where:
 *
 *     typedef struct build {
 *         torc_process process;       // first member
 *         size_t lines;
 *     } build;
 *
 *     static void build_received(torc_process *process, int number, torc_slice data) { ... }
 *     static void build_ended(torc_process *process, torc_exit how) { ... }
 *
 *     static const torc_process_class build_class = {
 *         .name = "Build",
 *         .size = sizeof(build),
 *         .received = build_received,
 *         .ended = build_ended,
 *     };
 *
 *     torc_process_options options = { .arguments = make, .directory = "/usr/src" };
 *     torc_process *process = torc_process_spawn(scope, &build_class, &options, &failure);
 *
 * A child gets the descriptors that it is meant to have and no others, default actions for all
 * signals, and an empty signal mask. No shell is involved unless it is the command.
 *
 * A child ends with its scope: it is asked to (SIGTERM), and killed (SIGKILL) when it has not
 * exited after `patience`; at once when the reactor goes. So does its process group, where it has
 * one of its own. Children of the program that Torc did not start are left alone: each of ours is
 * waited for by itself (on Linux by a descriptor of the process; elsewhere on SIGCHLD, by number).
 */
#ifndef TORC_PROCESS_H
#define TORC_PROCESS_H

#include <torc/deferred.h>
#include <torc/protocol.h>

#include <sys/types.h>

TORC_BEGIN_DECLS

typedef struct torc_process torc_process;

/* How a child exited. */
typedef struct torc_exit {
    int status; /* what it gave to exit(); -1: it did not come to that */
    int signal; /* the signal that killed it, else 0; both -1: the system did not say */
} torc_exit;

/* A child exited otherwise than with status 0: its text says how. */
extern TORC_API const torc_failure_type torc_error_exited;

/* "SIGTERM" and the like: gives the number of "TERM", "SIGTERM" or "15"; 0 where there is none. */
TORC_API int torc_signal_number(const char *name);

/* -- what to run --------------------------------------------------------------------------- */

/* What a child has for one of its descriptors. */
typedef enum torc_child_end {
    TORC_CHILD_NULL,     /* /dev/null */
    TORC_CHILD_INHERITS, /* what this process has under the same number */
    TORC_CHILD_GIVEN,    /* our `descriptor`, which stays ours */
    TORC_CHILD_SAME,     /* what stands earlier in the list for the child's number `descriptor` */
    TORC_CHILD_FILE,     /* `path`, opened with `flags` (and created with the mode 0666) */
    TORC_CHILD_READS,    /* a pipe into which we write */
    TORC_CHILD_WRITES,   /* a pipe from which we read */
} torc_child_end;

typedef struct torc_child_descriptor {
    int number; /* in the child */
    torc_child_end end;
    int descriptor;
    const char *path;
    int flags;              /* of open(): O_RDONLY, O_WRONLY | O_CREAT | O_APPEND, ... */
    torc_factory *factory;  /* pipes: makes the protocol of our end; taken over. NULL: `received` */
} torc_child_descriptor;

enum { TORC_CHILD_DESCRIPTORS_MAX = 64 };

/* Who the child is. By name: ids and groups are looked up, which may take the system a while. */
typedef struct torc_process_user {
    const char *name; /* NULL: by the numbers below */
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* supplementary ones */
    size_t group_count;
} torc_process_user;

typedef struct torc_terminal_size {
    unsigned short columns;
    unsigned short rows;
} torc_terminal_size;

/* Nothing here is used any more once torc_process_spawn has returned. Zero is each one's default. */
typedef struct torc_process_options {
    const char *const *arguments; /* the first is the command's name, the last NULL. Always set */
    const char *path;             /* the program, where it is not found by the first argument */

    const char *const *environment; /* exactly this, up to a NULL; NULL: ours */
    const char *const *variables;   /* on top of that: "NAME=value"; "NAME" alone takes it away */
    const char *directory;
    const torc_process_user *user;
    bool sets_umask;
    mode_t umask;
    bool new_group;   /* its own process group, by which it ends together with its children */
    bool new_session; /* ... and no terminal */

    /*
     * Up to descriptor_count of them. NULL: pipes for 0, 1 and 2; with `terminal` nothing but
     * that.
     */
    const torc_child_descriptor *descriptors;
    size_t descriptor_count;

    /* A pseudo-terminal of this size as 0, 1, 2, in a session of its own: one pipe, number 0. */
    const torc_terminal_size *terminal;

    torc_time patience; /* between SIGTERM and SIGKILL; 0: TORC_PROCESS_PATIENCE */
    bool stays;         /* it is left running when its scope ends */

    /* torc_process_output_of only. */
    torc_slice input;   /* what it reads from its standard input */
    size_t output_max;  /* more is a failure of type torc_error_limit; 0: TORC_PROCESS_OUTPUT_MAX */
} torc_process_options;

#define TORC_PROCESS_PATIENCE   (5 * TORC_SECOND)
#define TORC_PROCESS_OUTPUT_MAX ((size_t)16 * 1024 * 1024)

/* -- the long form ------------------------------------------------------------------------- */

/* All events are optional. */
typedef struct torc_process_class {
    const char *name; /* as logs show it */
    size_t size;      /* of your struct, which begins with a torc_process; 0: just that */

    /* Bytes that the child wrote to its descriptor `number`. Borrowed until it returns. */
    void (*received)(torc_process *self, int number, torc_slice data);

    /* The pipe at `number` is closed: by the child, by us, or since nobody reads it any more. */
    void (*closed)(torc_process *self, int number);

    /* It has exited. What it wrote before may still come, and so may what its children write. */
    void (*exited)(torc_process *self, torc_exit how);

    /* Once, last: it has exited and all pipes are closed. */
    void (*ended)(torc_process *self, torc_exit how);
} torc_process_class;

struct torc_process {
    const torc_process_class *kind;
    void *context; /* yours */
};

/*
 * Starts a child. The engine allocates the process, zeroed, and frees it when `ended` has returned
 * or its scope has ended. NULL, with *reterr_failure set (the caller releases it), when it could
 * not be started: the failure names the command, and its code is the errno.
 */
TORC_API torc_process *torc_process_spawn(torc_scope *scope, const torc_process_class *kind,
    const torc_process_options *options, torc_failure **reterr_failure);

/* As its options->arguments alone, with its defaults. */
TORC_API torc_process *torc_spawn_command(torc_scope *scope, const torc_process_class *kind,
    const char *const *arguments, torc_failure **reterr_failure);

/* The scope of what belongs to the process; ends right after `ended`. */
TORC_API torc_scope *torc_process_scope(torc_process *process);

/* The system's number for it. */
TORC_API pid_t torc_process_id(const torc_process *process);

TORC_API bool torc_process_has_exited(const torc_process *process);

/* Writes to a pipe that the child reads; as torc_write. A no-op where there is none (any more). */
TORC_API void torc_process_write(torc_process *process, int number, torc_slice bytes);

/* Closes our end of a pipe, once what was written has left. */
TORC_API void torc_process_close(torc_process *process, int number);

/* Our end of a pipe, for all that transports do; NULL where there is none (any more). */
TORC_API torc_transport *torc_process_transport(torc_process *process, int number);

/* The size of its terminal changes. False where it has none. */
TORC_API bool torc_process_resize(torc_process *process, torc_terminal_size size);

/* Sends a signal by name ("TERM"). False when it has exited, or there is no such signal. */
TORC_API bool torc_process_signal(torc_process *process, const char *name);

/* As torc_process_signal, to its process group: only where it has one of its own. */
TORC_API bool torc_process_signal_group(torc_process *process, const char *name);

/*
 * Asks it to exit (SIGTERM), and kills it (SIGKILL) after `patience`; with its process group,
 * where it has one of its own: then also what is left of the group when the child itself has
 * exited. `exited` and `ended` come as always. The second time it is killed at once.
 */
TORC_API void torc_process_end(torc_process *process);

/* -- the short forms ----------------------------------------------------------------------- */

/*
 * Fires with what the command wrote to its standard output, as bytes, when it has ended with status
 * 0. Otherwise with a failure of type torc_error_exited, which names the command, how it exited,
 * and the last of what it wrote to its standard error; or of type torc_error_system when it could
 * not be started; or of type torc_error_limit when the output is too large. Its standard input is
 * empty. When it is cancelled the child ends. Never NULL.
 */
TORC_API torc_deferred *torc_process_output(torc_scope *scope, const char *const *arguments);

/* With options, of which `descriptors` and `terminal` are not used. */
TORC_API torc_deferred *torc_process_output_of(
    torc_scope *scope, const torc_process_options *options);

/*
 * Fires with the status, an integer, or -signal; a failure only where it could not be started. Its
 * input is empty, and its output goes where ours goes.
 */
TORC_API torc_deferred *torc_process_value(torc_scope *scope, const char *const *arguments);

/* Lines of at most TORC_PROCESS_LINE_MAX bytes; a longer one comes in pieces of that length. */
typedef void torc_process_line(void *argument, torc_slice line);
#define TORC_PROCESS_LINE_MAX ((size_t)64 * 1024)

/*
 * Calls line(argument, ...) for each line of its output, without the '\n'; a last line need not
 * have one. Fires with nothing, or fails as torc_process_output does.
 */
TORC_API torc_deferred *torc_process_lines(
    torc_scope *scope, const char *const *arguments, torc_process_line *line, void *argument);

/*
 * Starts a child whose standard input and output are the transport of a protocol made by
 * `factory`, which is taken over. Fires with a torc_pointer to the protocol, after its
 * connection_made, or with a failure. Its standard error is ours. torc_lose_write closes its
 * standard input; torc_abort_connection asks it to exit as torc_process_end does.
 */
TORC_API torc_deferred *torc_connect_process(
    torc_scope *scope, const char *const *arguments, torc_factory *factory);

/* -- descriptors that are there already ---------------------------------------------------- */

/*
 * Connects a protocol made by `factory`, which is taken over, to descriptors that are no sockets:
 * it reads from `input` and writes to `output` (-1: it does not), which may be the same, as with a
 * terminal. Pipes, terminals, serial lines, regular files, /dev/null. Takes over both. Fires with a
 * torc_pointer to the protocol, after its connection_made, or with a failure.
 */
TORC_API torc_deferred *torc_attach(
    torc_scope *scope, int input, int output, torc_factory *factory);

/*
 * As torc_attach, to this process's standard input and output, which stay open. Whether they block
 * is put back at the end as it was, since a terminal or a pipe is shared with others. Until then
 * printf and the like may find that the output is full.
 */
TORC_API torc_deferred *torc_attach_stdio(torc_scope *scope, torc_factory *factory);

TORC_END_DECLS

#endif /* TORC_PROCESS_H */
