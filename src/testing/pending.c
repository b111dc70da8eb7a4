/*
 * A walk through the tree of scopes, from the root. What a member is, the table of whoever added it
 * says (see reactor/members.h); here is the list of those tables.
 *
 * What belongs to a connection is not listed: it ends with the connection, which is.
 */
#include "testing/pending.h"

#include "deferred/coroutine.h"
#include "deferred/deferred.h"
#include "deferred/file_lock.h"
#include "deferred/queue.h"
#include "deferred/semaphore.h"
#include "endpoint/endpoint.h"
#include "names/resolver.h"
#include "names/system_lookup.h"
#include "protocol/stream.h"
#include "reactor/members.h"
#include "reactor/reactor.h"
#include "task/members.h"
#include "transport/datagram.h"
#include "transport/pipe.h"
#include "transport/process_reap.h"
#include "transport/process_start.h"
#include "transport/transport.h"
#include "transport/tun.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of so many of a kind it is said which they are. */
enum { DESCRIBED_MAX = 4 };

static const torc__member_kind *const kinds[] = {
    &torc__members_delayed_call,
    &torc__members_timer,
    &torc__members_deferred,
    &torc__members_semaphore,
    &torc__members_held_semaphore,
    &torc__members_locked_run,
    &torc__members_queue,
    &torc__members_file_lock,
    &torc__members_coroutine,
    &torc__members_generator,
    &torc__members_stream,
    &torc__members_stream_listener,
    &torc__members_connection,
    &torc__members_datagrams,
    &torc__members_tun,
    &torc__members_connecting,
    &torc__members_client,
    &torc__members_resolver,
    &torc__members_system_lookup,
    &torc__members_port,
    &torc__members_attaching,
    &torc__members_process,
    &torc__members_child,
    &torc__members_scope,
    &torc__members_end_hook,
    &torc__members_shutdown_trigger,
    &torc__members_signal_watch,
    &torc__members_looping_call,
    &torc__members_cooperative_task,
    &torc__members_cooperator,
    &torc__members_jobs,
    &torc__members_retry,
    &torc__members_rate_limit,
    &torc__members_watch,
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

typedef struct tally {
    size_t counts[KINDS + 1]; /* the last: of a kind that is not in the table */
    char described[KINDS][400];
} tally;

static size_t append(char *text, size_t size, const char *format, ...) TORC_PRINTF(3, 4);

static size_t append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
    return strlen(text);
}

/* -- counting ------------------------------------------------------------------------------ */

static size_t kind_of(const torc_scoped *member)
{
    size_t kind = 0;

    while (kind < KINDS && kinds[kind]->end != member->end)
        kind++;
    return kind;
}

static void describe(tally *sum, size_t kind, const torc_scoped *member)
{
    char *described = sum->described[kind];
    size_t size = sizeof sum->described[kind];
    char one[160] = "";

    if (kinds[kind]->describe == NULL || sum->counts[kind] > DESCRIBED_MAX + 1)
        return;
    if (sum->counts[kind] == DESCRIBED_MAX + 1) {
        (void)append(described, size, ", …");
        return;
    }
    kinds[kind]->describe(member, one, sizeof one);
    (void)append(described, size, "%s%s", described[0] != '\0' ? ", " : "", one);
}

/* Scopes are few deep: each level is one that the program nests. */
static void count(tally *sum, const torc_scope *scope)
{
    const torc_scoped *member;

    for (member = scope->members.newer; member != &scope->members; member = member->newer) {
        size_t kind = kind_of(member);

        sum->counts[kind]++;
        if (kind < KINDS)
            describe(sum, kind, member);
        if (kind < KINDS && kinds[kind] == &torc__members_scope)
            count(sum, TORC_CONTAINER_OF(member, torc_scope, scoped));
    }
}

/* -- saying it ----------------------------------------------------------------------------- */

/* The plural of "look-up of a name" is not at its end. */
static void say_kind(char *text, size_t size, const char *name, size_t number)
{
    size_t first_word = strcspn(name, " ");
    bool is_phrase = strstr(name, " of ") != NULL || strstr(name, " in ") != NULL;

    if (number == 1)
        (void)append(text, size, "1 %s", name);
    else if (is_phrase)
        (void)append(text, size, "%zu %.*ss%s", number, (int)first_word, name, name + first_word);
    else
        (void)append(text, size, "%zu %ss", number, name);
}

static size_t say_all(const tally *sum, char *text, size_t size)
{
    size_t things = 0;

    for (size_t kind = 0; kind <= KINDS; kind++) {
        const char *name = kind < KINDS ? kinds[kind]->name : "thing of a kind unknown here";

        if (sum->counts[kind] == 0 || name == NULL)
            continue;
        if (things > 0)
            (void)append(text, size, ", ");
        say_kind(text, size, name, sum->counts[kind]);
        if (kind < KINDS && sum->described[kind][0] != '\0')
            (void)append(text, size, " (%s)", sum->described[kind]);
        things += sum->counts[kind];
    }
    return things;
}

void torc__pending_report(torc_reactor *reactor, const char *where, torc__report *report)
{
    char text[2000] = "";
    tally sum;
    size_t things;

    memset(&sum, 0, sizeof sum);
    count(&sum, &reactor->root);
    things = say_all(&sum, text, sizeof text);
    if (things > 0)
        torc__report_add(report, "%s%s%s %s pending", where != NULL ? where : "",
            where != NULL ? ": " : "", text, things == 1 ? "is" : "are");
}
