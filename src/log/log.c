/*
 * Events, from who speaks to who listens. See log.h for the neighbours.
 *
 * What nobody wants costs one atomic load. All else happens in the thread that logs, with the event
 * on its stack. One lock makes observers run one at a time; an observer that logs, or that adds and
 * removes observers, is recognised by a mark on its thread instead of waiting for itself.
 */
#include "log/log.h"

#include "base/text_writer.h"
#include "log/context.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#define OBSERVERS_MAX 8
#define NOBODY        (TORC_LOG_CRITICAL + 1)

typedef struct observer {
    torc_log_observer *call; /* NULL: this place is free */
    void *argument;
    torc_log_level level;
} observer;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static observer observers[OBSERVERS_MAX];
static atomic_int least_level = TORC_LOG_INFO;
static atomic_ullong dropped;
static _Atomic(torc__log_context_writer *) context_writer;
static _Thread_local bool is_observing;

/* -- the lock ------------------------------------------------------------------------------ */

void torc__log_lock(void)
{
    if (!is_observing)
        pthread_mutex_lock(&lock);
}

void torc__log_unlock(void)
{
    if (!is_observing)
        pthread_mutex_unlock(&lock);
}

void torc__log_count_dropped(void)
{
    atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

uint64_t torc__log_dropped(void)
{
    return atomic_load_explicit(&dropped, memory_order_relaxed);
}

void torc__log_set_context_writer(torc__log_context_writer *writer)
{
    atomic_store(&context_writer, writer);
}

/* -- observers ----------------------------------------------------------------------------- */

static bool text_is_wanted(void)
{
    if (torc__log_text_is_chosen())
        return true;
    for (int i = 0; i < OBSERVERS_MAX; i++)
        if (observers[i].call != NULL)
            return false;
    return true;
}

void torc__log_levels_changed(void)
{
    int least = NOBODY;

    if (text_is_wanted())
        least = (int)torc__log_text_level();
    for (int i = 0; i < OBSERVERS_MAX; i++)
        if (observers[i].call != NULL && (int)observers[i].level < least)
            least = (int)observers[i].level;
    atomic_store_explicit(&least_level, least, memory_order_relaxed);
}

bool torc_log_add_observer(torc_log_level level, torc_log_observer *call, void *argument)
{
    int place = 0;

    torc__log_lock();
    while (place < OBSERVERS_MAX && observers[place].call != NULL)
        place++;
    if (place < OBSERVERS_MAX) {
        observers[place].call = call;
        observers[place].argument = argument;
        observers[place].level = level;
        torc__log_levels_changed();
    }
    torc__log_unlock();
    return place < OBSERVERS_MAX;
}

void torc_log_remove_observer(torc_log_observer *call, void *argument)
{
    torc__log_lock();
    for (int i = 0; i < OBSERVERS_MAX; i++) {
        if (observers[i].call != call || observers[i].argument != argument)
            continue;
        observers[i].call = NULL;
        break;
    }
    torc__log_levels_changed();
    torc__log_unlock();
}

/* -- events -------------------------------------------------------------------------------- */

static bool is_wanted(torc_log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

static void write_context(char text[TORC__LOG_CONTEXT_MAX])
{
    torc__log_context_writer *writer = atomic_load(&context_writer);
    size_t length = 0;

    if (writer != NULL)
        length = writer(text, TORC__LOG_CONTEXT_MAX);
    if (length == 0)
        memcpy(text, "-", 2);
    else if (length >= TORC__LOG_CONTEXT_MAX)
        text[torc__utf8_cut(text, TORC__LOG_CONTEXT_MAX - 1)] = '\0';
}

static void tell_observers(const torc_log_event *event)
{
    bool text_too = text_is_wanted() && event->level >= torc__log_text_level();

    is_observing = true;
    for (int i = 0; i < OBSERVERS_MAX; i++) {
        observer one = observers[i];

        if (one.call != NULL && event->level >= one.level)
            one.call(one.argument, event);
    }
    if (text_too && !torc__log_write_text(event))
        torc__log_count_dropped();
    is_observing = false;
}

static void emit(torc_log_level level, const torc_log_field *fields, size_t field_count,
    torc_slice message)
{
    char context[TORC__LOG_CONTEXT_MAX];
    torc_log_event event = {
        .level = level,
        .wall_time = torc_wall_now(),
        .context = context,
        .message = message,
        .fields = fields,
        .field_count = field_count,
    };

    /* What an observer logs itself would come back to it without end. */
    if (is_observing)
        return;
    write_context(context);
    torc__log_lock();
    tell_observers(&event);
    torc__log_unlock();
}

void torc_log(torc_log_level level, const torc_log_field *fields, size_t field_count,
    const char *format, ...)
{
    int saved_errno = errno;
    char text[TORC_LOG_MESSAGE_MAX + 1];
    va_list arguments;
    int length;

    if (!is_wanted(level))
        return;
    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        torc__log_count_dropped();
    else if (length <= TORC_LOG_MESSAGE_MAX)
        emit(level, fields, field_count, torc_slice_make(text, (size_t)length));
    else
        emit(level, fields, field_count,
            torc_slice_make(text, torc__utf8_cut(text, TORC_LOG_MESSAGE_MAX)));
    errno = saved_errno;
}

void torc_log_describe(torc_log_level level, const char *what, const torc_failure *failure)
{
    int saved_errno = errno;
    char text[TORC_LOG_MESSAGE_MAX + 1];
    torc__text_writer writer;
    size_t used;

    if (!is_wanted(level))
        return;
    torc__text_writer_init(&writer, text, sizeof text);
    if (what != NULL)
        torc__text_printf(&writer, "%s: ", what);
    torc__text_finish(&writer);
    used = strlen(text);
    if (failure != NULL)
        torc_failure_describe(failure, text + used, sizeof text - used);
    emit(level, NULL, 0, torc_slice_of(text));
    errno = saved_errno;
}

/* -- levels -------------------------------------------------------------------------------- */

static const char *const level_names[] = { "debug", "info", "warn", "error", "critical" };

#define LEVEL_COUNT (sizeof level_names / sizeof level_names[0])

bool torc_log_level_parse(const char *name, torc_log_level *ret_level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(name, level_names[i]) != 0)
            continue;
        *ret_level = (torc_log_level)i;
        return true;
    }
    return false;
}

const char *torc_log_level_name(torc_log_level level)
{
    return (size_t)level < LEVEL_COUNT ? level_names[level] : "unknown";
}
