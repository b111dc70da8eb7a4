/*
 * The inside of the log: what its files need of each other.
 *
 *   log.c            makes events and hands them to observers, under one lock
 *   text.c           an event as a line of text
 *   text_observer.c  where that line goes: stderr, a file of the program's, a path
 */
#ifndef TORC_LOG_LOG_INSIDE_H
#define TORC_LOG_LOG_INSIDE_H

#include <torc/log.h>

/* Longer contexts are cut. */
#define TORC__LOG_CONTEXT_MAX 256

/*
 * The lock that everything about observers stands under. Free for the taking inside an observer,
 * which runs under it already.
 */
void torc__log_lock(void);
void torc__log_unlock(void);

/* Under the lock: works out anew which levels anybody wants. */
void torc__log_levels_changed(void);

/* Under the lock: the level of the text observer, and whether it writes beside other observers. */
torc_log_level torc__log_text_level(void);
bool torc__log_text_is_chosen(void);

/* Under the lock: writes the event's line. False when it could not be written. */
bool torc__log_write_text(const torc_log_event *event);

/* One more event that could not be written. */
void torc__log_count_dropped(void);

/* How many there were since the process began. */
uint64_t torc__log_dropped(void);

#endif /* TORC_LOG_LOG_INSIDE_H */
