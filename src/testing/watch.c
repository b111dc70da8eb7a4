/*
 * Watches, and the two things that they look at themselves: open descriptors and the log. Memory is
 * in blocks.c.
 *
 * While there is any watch, an observer keeps the log's events from `error` up, each with a number,
 * until they are flushed or reported. Events may come from any thread.
 */
#include "testing/watch.h"

#include "base/list.h"
#include "testing/blocks.h"

#include <torc/log.h>
#include <torc/testing.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Descriptors from here on are not looked at. */
#define DESCRIPTORS_MAX 4096

typedef struct descriptor_set {
    uint64_t bits[DESCRIPTORS_MAX / 64];
} descriptor_set;

struct torc__watch {
    torc__list link; /* in `watches`, the oldest first */
    uint64_t first_block;
    uint64_t first_event;
    descriptor_set descriptors; /* that were open before */
};

typedef struct logged_event {
    torc__list link;
    uint64_t number;
    char text[]; /* "error [Echo,0,-] what was said" */
} logged_event;

static torc__list watches = { &watches, &watches };
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static torc__list events = { &events, &events };
static uint64_t next_event = 1;

/* -- descriptors --------------------------------------------------------------------------- */

static void note_descriptor(descriptor_set *set, long descriptor)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX)
        set->bits[descriptor / 64] |= UINT64_C(1) << (descriptor % 64);
}

static bool has_descriptor(const descriptor_set *set, int descriptor)
{
    return (set->bits[descriptor / 64] >> (descriptor % 64) & 1) != 0;
}

/* Where the system does not list them, each is asked for. */
static void ask_for_each(descriptor_set *set)
{
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        if (fcntl(descriptor, F_GETFD) >= 0)
            note_descriptor(set, descriptor);
}

static void note_open_descriptors(descriptor_set *set)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    memset(set, 0, sizeof *set);
    if (folder == NULL) {
        ask_for_each(set);
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        long descriptor = entry->d_name[0] == '.' ? -1 : strtol(entry->d_name, NULL, 10);

        if (descriptor != dirfd(folder))
            note_descriptor(set, descriptor);
    }
    closedir(folder);
}

static void report_descriptors(const descriptor_set *before, torc__report *report)
{
    descriptor_set now;

    note_open_descriptors(&now);
    for (int descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++) {
        char path[64];
        char what[256];
        ssize_t length;

        if (!has_descriptor(&now, descriptor) || has_descriptor(before, descriptor))
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
        length = readlink(path, what, sizeof what);
        torc__report_add(report, "descriptor %d was left open: %.*s", descriptor,
            length > 0 ? (int)length : 1, length > 0 ? what : "?");
    }
}

/* -- the log ------------------------------------------------------------------------------- */

static void observe(void *argument, const torc_log_event *event)
{
    size_t size = event->message.length + strlen(event->context) + 32;
    logged_event *kept = torc__testing_allocate(sizeof *kept + size);

    (void)argument;
    snprintf(kept->text, size, "%s [%s] %.*s", torc_log_level_name(event->level), event->context,
        TORC_FMT(event->message));
    pthread_mutex_lock(&events_lock);
    kept->number = next_event++;
    torc__list_append(&events, &kept->link);
    pthread_mutex_unlock(&events_lock);
}

/* Takes out those from `first` on that have `part` in them, and gives each to `report` if any. */
static size_t take_events(uint64_t first, const char *part, torc__report *report)
{
    torc__list *link;
    torc__list *next;
    size_t taken = 0;

    pthread_mutex_lock(&events_lock);
    for (link = events.next; link != &events; link = next) {
        logged_event *event = TORC_CONTAINER_OF(link, logged_event, link);

        next = link->next;
        if (event->number < first || (part != NULL && strstr(event->text, part) == NULL))
            continue;
        if (report != NULL)
            torc__report_add(report, "nobody expected this in the log: %s", event->text);
        torc__list_remove(link);
        torc__testing_release(event);
        taken++;
    }
    pthread_mutex_unlock(&events_lock);
    return taken;
}

size_t torc_testing_flush_failures(const char *part)
{
    return take_events(0, part, NULL);
}

/* -- watches ------------------------------------------------------------------------------- */

torc__watch *torc__watch_begin(void)
{
    torc__watch *watch = torc__testing_allocate(sizeof *watch);

    if (torc__list_is_empty(&watches)) {
        torc__blocks_watch();
        (void)torc_log_add_observer(TORC_LOG_ERROR, observe, NULL);
    }
    torc__list_append(&watches, &watch->link);
    watch->first_block = torc__blocks_next();
    pthread_mutex_lock(&events_lock);
    watch->first_event = next_event;
    pthread_mutex_unlock(&events_lock);
    note_open_descriptors(&watch->descriptors);
    return watch;
}

/* The younger one reports what this one cannot. */
static void leave_to(torc__watch *younger, const torc__watch *watch)
{
    if (watch->first_block < younger->first_block)
        younger->first_block = watch->first_block;
    for (size_t i = 0; i < DESCRIPTORS_MAX / 64; i++)
        younger->descriptors.bits[i] &= watch->descriptors.bits[i];
}

static void report_blocks(uint64_t first, torc__report *report)
{
    torc__held_blocks held = torc__blocks_held(first);

    if (held.count == 0)
        return;
    torc__report_add(report, "memory was not freed: %zu block%s, %zu bytes, the largest of %zu",
        held.count, held.count == 1 ? "" : "s", held.bytes, held.largest);
    torc__blocks_forget(first);
}

void torc__watch_end(torc__watch *watch, torc__report *report)
{
    torc__list *younger = watch->link.next;

    (void)take_events(watch->first_event, NULL, report);
    if (younger != &watches) {
        leave_to(TORC_CONTAINER_OF(younger, torc__watch, link), watch);
    } else {
        report_blocks(watch->first_block, report);
        report_descriptors(&watch->descriptors, report);
    }
    torc__list_remove(&watch->link);
    torc__testing_release(watch);
    if (torc__list_is_empty(&watches)) {
        torc_log_remove_observer(observe, NULL);
        torc__blocks_unwatch();
    }
}
