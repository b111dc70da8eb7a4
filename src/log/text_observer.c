/*
 * Where the text of events goes. Without a choice of the program's: to stderr, as long as no other
 * observer is there.
 *
 * Everything static here stands under the log's lock. The line is put together in one block and
 * written at once, so that lines of several processes in one file stay whole.
 */
#include "log/log.h"

#include "base/memory.h"
#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#ifdef __linux__
# include <stdio_ext.h>
#endif
#include <unistd.h>

/* Every line fits: a byte takes at most four when it is escaped, and the time not many. */
#define LINE_MAX_BYTES ((size_t)4 * (TORC_LOG_MESSAGE_MAX + TORC__LOG_CONTEXT_MAX) + 128)

static FILE *chosen;     /* NULL: stderr, by default */
static FILE *opened;     /* `chosen`, where we have opened it ourselves */
static char *opened_path;
static torc_log_level text_level = TORC_LOG_INFO;
static char line[LINE_MAX_BYTES];
static uint64_t told_dropped;

torc_log_level torc__log_text_level(void)
{
    return text_level;
}

bool torc__log_text_is_chosen(void)
{
    return chosen != NULL;
}

/* What is counted as lost must not turn up later, beside the line that says so. */
static void forget_unwritten(FILE *file)
{
#ifdef __linux__
    __fpurge(file);
#else
    fpurge(file);
#endif
    clearerr(file);
}

static bool write_line(const torc_log_event *event)
{
    FILE *file = chosen != NULL ? chosen : stderr;
    size_t length = torc_log_format(event, line, sizeof line);
    bool is_written;

    is_written = fwrite(line, 1, length, file) == length;
    if (fflush(file) != 0)
        is_written = false;
    if (!is_written)
        forget_unwritten(file);
    return is_written;
}

/* Once lines can be written again, the reader is told that some are missing. */
static void tell_dropped(torc_time wall_time)
{
    uint64_t dropped = torc__log_dropped();
    torc_log_event event = { .level = TORC_LOG_WARN, .wall_time = wall_time, .context = "-" };
    char text[96];
    int length;

    if (dropped == told_dropped)
        return;
    length = snprintf(text, sizeof text, "events before this line that could not be logged: %llu",
        (unsigned long long)(dropped - told_dropped));
    event.message = torc_slice_make(text, (size_t)length);
    if (write_line(&event))
        told_dropped = dropped;
}

bool torc__log_write_text(const torc_log_event *event)
{
    if (!write_line(event))
        return false;
    tell_dropped(event->wall_time);
    return true;
}

/* Under the lock; takes over `own_file` and `path`, which are NULL when `file` is the caller's. */
static void choose(FILE *file, FILE *own_file, char *path)
{
    if (opened != NULL)
        fclose(opened);
    if (opened_path != path)
        torc__free(opened_path);
    chosen = file;
    opened = own_file;
    opened_path = path;
    torc__log_levels_changed();
}

void torc_log_to_file(FILE *file)
{
    torc__log_lock();
    choose(file, NULL, NULL);
    torc__log_unlock();
}

/* NULL with a failure in *ret_failure, which is NULL otherwise. */
static FILE *open_log(const char *path, torc_failure **ret_failure)
{
    int descriptor =
        TORC__CALL(open, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "a") : NULL;

    *ret_failure = NULL;
    if (file != NULL)
        return file;
    *ret_failure = torc_failure_from_errno(errno, "cannot open the log file %s", path);
    if (descriptor >= 0)
        close(descriptor);
    return NULL;
}

torc_failure *torc_log_to_path(const char *path)
{
    char *own_path = torc_slice_dup(torc_slice_of(path));
    torc_failure *failure;
    FILE *file;

    if (own_path == NULL)
        return torc_failure_new(
            &torc_error_out_of_memory, "no memory to open the log file %s", path);
    file = open_log(path, &failure);
    if (file == NULL) {
        torc__free(own_path);
        return failure;
    }
    torc__log_lock();
    choose(file, file, own_path);
    torc__log_unlock();
    return NULL;
}

torc_failure *torc_log_reopen(void)
{
    torc_failure *failure = NULL;
    FILE *file = NULL;

    torc__log_lock();
    if (opened_path != NULL)
        file = open_log(opened_path, &failure);
    if (file != NULL)
        choose(file, file, opened_path);
    torc__log_unlock();
    return failure;
}

void torc_log_set_level(torc_log_level level)
{
    torc__log_lock();
    text_level = level;
    torc__log_levels_changed();
    torc__log_unlock();
}
