/*
 * failure: what went wrong, where, and why, as a value.
 *
 * A torc_failure has a type out of a hierarchy (a handler may take all connection errors or only
 * 'refused'), a message with the names that matter, an errno or library code, the failure that
 * caused it, and the source lines that it passed. Failures are counted: who is handed one as
 * `const torc_failure *` borrows it until the callback returns.
 *
 *     torc_failure *failure = torc_failure_from_errno(errno, "cannot open %s", path);
 *
 *     if (torc_failure_is(failure, &torc_error_system))
 *         torc_log_error("%s", torc_failure_text(failure));
 *     torc_failure_release(failure);
 *
 * A type of your own:
 *
 *     const torc_failure_type bad_order = { "BadOrder", &torc_error };
 */
#ifndef TORC_FAILURE_H
#define TORC_FAILURE_H

#include <torc/macros.h>

#include <stdbool.h>
#include <stddef.h>

TORC_BEGIN_DECLS

typedef struct torc_failure torc_failure;

typedef struct torc_failure_type {
    const char *name;                       /* CamelCase, as it is printed: "ConnectionRefused" */
    const struct torc_failure_type *parent; /* NULL only for torc_error */
} torc_failure_type;

/*
 * The hierarchy of the core; the names of all but the first begin with torc_error_.
 *
 *     torc_error
 *       out_of_memory
 *       invalid_argument           a bad description, option or value
 *       cancelled
 *       timeout                    a deadline of our own passed
 *       already_called             a delayed call that has run
 *       already_cancelled          a delayed call that was cancelled before
 *       system                     a system call; the code is errno
 *       limit                      a bound of ours was reached
 *       listen                     cannot listen
 *       protocol                   the peer broke a protocol's rules
 *       connection                 all that ends a connection or its making
 *         connection_done          ended cleanly, by either side
 *         connection_lost          ended uncleanly: reset, broken
 *           connection_aborted     by us: torc_abort_connection
 *           connection_timed_out   the peer fell silent
 *         connect                  could not be made
 *           refused                nobody listens there
 *           no_route               network or host unreachable
 *           connect_timed_out
 *           unknown_host           the name has no address
 *           bind                   the local address cannot be had
 */
extern TORC_API const torc_failure_type torc_error;
extern TORC_API const torc_failure_type torc_error_out_of_memory;
extern TORC_API const torc_failure_type torc_error_invalid_argument;
extern TORC_API const torc_failure_type torc_error_cancelled;
extern TORC_API const torc_failure_type torc_error_timeout;
extern TORC_API const torc_failure_type torc_error_already_called;
extern TORC_API const torc_failure_type torc_error_already_cancelled;
extern TORC_API const torc_failure_type torc_error_system;
extern TORC_API const torc_failure_type torc_error_limit;
extern TORC_API const torc_failure_type torc_error_listen;
extern TORC_API const torc_failure_type torc_error_protocol;
extern TORC_API const torc_failure_type torc_error_connection;
extern TORC_API const torc_failure_type torc_error_connection_done;
extern TORC_API const torc_failure_type torc_error_connection_lost;
extern TORC_API const torc_failure_type torc_error_connection_aborted;
extern TORC_API const torc_failure_type torc_error_connection_timed_out;
extern TORC_API const torc_failure_type torc_error_connect;
extern TORC_API const torc_failure_type torc_error_refused;
extern TORC_API const torc_failure_type torc_error_no_route;
extern TORC_API const torc_failure_type torc_error_connect_timed_out;
extern TORC_API const torc_failure_type torc_error_unknown_host;
extern TORC_API const torc_failure_type torc_error_bind;

/* Where a failure was made or passed; TORC_HERE is this line. */
typedef struct torc_place {
    const char *file;
    int line;
    const char *function;
} torc_place;

#ifdef __cplusplus
# define TORC_HERE (torc_place{ __FILE__, __LINE__, __func__ })
#else
# define TORC_HERE ((torc_place){ __FILE__, __LINE__, __func__ })
#endif

/*
 * Makes a failure of `type` with a message as printf. Never NULL: when memory is out it is the one
 * standing failure of type torc_error_out_of_memory. The message is cut at 1 KiB.
 */
#define torc_failure_new(type, ...) torc_failure_make(TORC_HERE, (type), 0, __VA_ARGS__)

/* As torc_failure_new, for an errno: its name and meaning are appended to the message. */
#define torc_failure_from_errno(code, ...) \
    torc_failure_make(TORC_HERE, &torc_error_system, (code), __VA_ARGS__)

/*
 * What both are made of. With code != 0 the message ends with ": Meaning of the errno".
 */
TORC_API torc_failure *torc_failure_make(
    torc_place place, const torc_failure_type *type, int code, const char *format, ...)
    TORC_PRINTF(4, 5);

/*
 * The same failure seen from further out: of the type and code of `cause`, with a message as printf
 * of its own. Takes over the caller's hold on `cause`, which becomes its cause; when memory is out
 * it is `cause` that is given back.
 */
#define torc_failure_wrap(cause, ...) torc_failure_make_around(TORC_HERE, (cause), __VA_ARGS__)
TORC_API torc_failure *torc_failure_make_around(
    torc_place place, torc_failure *cause, const char *format, ...) TORC_PRINTF(3, 4);

/* Sets the cause; takes over the caller's hold on `cause`. Gives `failure` back. */
TORC_API torc_failure *torc_failure_because(torc_failure *failure, torc_failure *cause);

TORC_API torc_failure *torc_failure_hold(const torc_failure *failure);
TORC_API void torc_failure_release(torc_failure *failure);

/* Whether the failure's type is `type` or descends from it. A NULL failure is of no type. */
TORC_API bool torc_failure_is(const torc_failure *failure, const torc_failure_type *type);

TORC_API const torc_failure_type *torc_failure_type_of(const torc_failure *failure);

/* The message: one line, borrowed. */
TORC_API const char *torc_failure_text(const torc_failure *failure);

/* errno or a library's code; 0 where there is none. */
TORC_API int torc_failure_code(const torc_failure *failure);

/* NULL where there is none; borrowed. */
TORC_API const torc_failure *torc_failure_cause(const torc_failure *failure);

/* Notes that the failure passed this line; the first 16 are kept. Gives `failure` back. */
#define torc_failure_passed(failure) torc_failure_trace((failure), TORC_HERE)
TORC_API torc_failure *torc_failure_trace(torc_failure *failure, torc_place place);

/* The places the failure passed, the first where it was made; NULL beyond the last. */
TORC_API const torc_place *torc_failure_place(const torc_failure *failure, size_t index);

/*
 * Writes type, message, places and causes as text of several lines into `text`, cut at `size`
 * bytes with its NUL; gives the length that the whole would have.
 */
TORC_API size_t torc_failure_describe(const torc_failure *failure, char *text, size_t size);

TORC_END_DECLS

#endif /* TORC_FAILURE_H */
