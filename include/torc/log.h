/*
 * log: what happened, for people and for programs.
 *
 *     torc_log_info("command received: %.*s", TORC_FMT(word));
 *
 * writes, when it is called while a protocol of class "CmdProtocol" runs,
 *
 *     2026-11-21 13:32:35+0200 [CmdProtocol,0,127.0.0.1] command received: lastlog
 *
 * The part in brackets is set by the engine: the protocol's class, the connection's number and its
 * peer; "-" outside of any protocol. An event has a level, that context, a message and fields;
 * observers get events. Without any observer, events from `info` up go to stderr as text.
 *
 * Logging is for the whole process and may be used from any thread. It never fails and never
 * blocks on memory: an event that cannot be written is dropped and counted.
 */
#ifndef TORC_LOG_H
#define TORC_LOG_H

#include <torc/failure.h>
#include <torc/slice.h>
#include <torc/time.h>

#include <stdio.h>

TORC_BEGIN_DECLS

typedef enum torc_log_level {
    TORC_LOG_DEBUG,
    TORC_LOG_INFO,
    TORC_LOG_WARN,
    TORC_LOG_ERROR,
    TORC_LOG_CRITICAL,
} torc_log_level;

/* A fact beside the message: "status" = "404". Both are borrowed until the call returns. */
typedef struct torc_log_field {
    const char *name;
    const char *value;
} torc_log_field;

typedef struct torc_log_event {
    torc_log_level level;
    torc_time wall_time;      /* since 1970 */
    const char *context;      /* "CmdProtocol,0,127.0.0.1", or "-" */
    torc_slice message;
    const torc_log_field *fields;
    size_t field_count;
} torc_log_event;

/* -- saying something ---------------------------------------------------------------------- */

/* Messages are cut at TORC_LOG_MESSAGE_MAX bytes. Control characters in them are shown escaped. */
#define TORC_LOG_MESSAGE_MAX 4096

#define torc_log_debug(...)    torc_log(TORC_LOG_DEBUG, NULL, 0, __VA_ARGS__)
#define torc_log_info(...)     torc_log(TORC_LOG_INFO, NULL, 0, __VA_ARGS__)
#define torc_log_warn(...)     torc_log(TORC_LOG_WARN, NULL, 0, __VA_ARGS__)
#define torc_log_error(...)    torc_log(TORC_LOG_ERROR, NULL, 0, __VA_ARGS__)
#define torc_log_critical(...) torc_log(TORC_LOG_CRITICAL, NULL, 0, __VA_ARGS__)

TORC_API void torc_log(torc_log_level level, const torc_log_field *fields, size_t field_count,
    const char *format, ...) TORC_PRINTF(4, 5);

/* The failure's description over several lines, after `what`. */
TORC_API void torc_log_describe(
    torc_log_level level, const char *what, const torc_failure *failure);

/* -- who listens --------------------------------------------------------------------------- */

typedef void torc_log_observer(void *argument, const torc_log_event *event);

/*
 * Each event from `level` up is handed to `observer`, in the thread that logs, one event at a time
 * in the process. What an observer logs itself is not handed to observers. At most 8 observers;
 * false beyond that.
 */
TORC_API bool torc_log_add_observer(
    torc_log_level level, torc_log_observer *observer, void *argument);
TORC_API void torc_log_remove_observer(torc_log_observer *observer, void *argument);

/*
 * The text observer in place of the one on stderr: one line an event (its further lines indented
 * by a tab). `file` stays the caller's and is flushed after each event.
 */
TORC_API void torc_log_to_file(FILE *file);

/* As torc_log_to_file, opening `path` for appending. A failure (to be released), or NULL. */
TORC_API torc_failure *torc_log_to_path(const char *path);

/* Opens the file of torc_log_to_path again, after it was renamed. */
TORC_API torc_failure *torc_log_reopen(void);

/* For the text observer; TORC_LOG_INFO by default. */
TORC_API void torc_log_set_level(torc_log_level level);

/* "debug", "info", "warn", "error", "critical". False for another name. */
TORC_API bool torc_log_level_parse(const char *name, torc_log_level *ret_level);
TORC_API const char *torc_log_level_name(torc_log_level level);

/* Writes the line that the text observer writes, with its newline; as snprintf. */
TORC_API size_t torc_log_format(const torc_log_event *event, char *text, size_t size);

TORC_END_DECLS

#endif /* TORC_LOG_H */
