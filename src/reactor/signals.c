/*
 * Signals: the handler counts and wakes; the reactor looks at the counts in its turn.
 *
 * A process has one set of handlers and any number of reactors. `watched` says how many watches a
 * signal has in all reactors; the first installs the handler and the last puts the old one back.
 * A reactor that watches anything stands in `reactors`, where the handler finds whom to wake.
 */
#include "reactor/reactor.h"

#include "base/memory.h"

#include <torc/log.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

enum { SIGNALS = 65, REACTORS_MAX = 256 };

typedef struct torc__signal_watch {
    torc_scoped scoped; /* first */
    torc__list link;    /* in reactor->signal_watches */
    torc_reactor *reactor;
    int signal;
    unsigned seen;
    bool gone;  /* ended while the list is walked */
    bool stops; /* the engine's own, that stops the reactor */
    torc_call *call;
    void *argument;
} signal_watch;

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned watched[SIGNALS];
static unsigned stopping_watches[SIGNALS]; /* of these, the engine's own, that stop a reactor */
static struct sigaction former[SIGNALS];

static atomic_uint counts[SIGNALS];
static atomic_uint total;
static _Atomic(torc_reactor *) reactors[REACTORS_MAX];
static atomic_uint handlers_running;

static void handle(int number)
{
    int saved = errno;

    atomic_fetch_add(&handlers_running, 1);
    atomic_fetch_add(&counts[number], 1);
    atomic_fetch_add(&total, 1);
    for (size_t i = 0; i < REACTORS_MAX; i++) {
        torc_reactor *reactor = atomic_load(&reactors[i]);

        if (reactor != NULL)
            reactor->driver->kind->wake(reactor->driver);
    }
    atomic_fetch_sub(&handlers_running, 1);
    errno = saved;
}

/* -- the process's tables, under table_lock ------------------------------------------------ */

static bool enlist(torc_reactor *reactor)
{
    for (size_t i = 0; i < REACTORS_MAX; i++)
        if (atomic_load(&reactors[i]) == reactor)
            return true;
    for (size_t i = 0; i < REACTORS_MAX; i++)
        if (atomic_load(&reactors[i]) == NULL) {
            atomic_store(&reactors[i], reactor);
            return true;
        }
    return false;
}

/* Afterwards no handler, in whatever thread, touches the reactor. */
static void delist(torc_reactor *reactor)
{
    for (size_t i = 0; i < REACTORS_MAX; i++)
        if (atomic_load(&reactors[i]) == reactor)
            atomic_store(&reactors[i], NULL);
    while (atomic_load(&handlers_running) != 0)
        sched_yield();
}

/* 0 or an errno. */
static int install(int number)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    return sigaction(number, &action, &former[number]) == 0 ? 0 : errno;
}

static int acquire(const signal_watch *watch)
{
    torc_reactor *reactor = watch->reactor;
    int number = watch->signal;
    int error = 0;

    if (!enlist(reactor))
        return EMFILE;
    if (watched[number] == 0)
        error = install(number);
    if (error == 0) {
        watched[number]++;
        stopping_watches[number] += watch->stops;
    } else if (torc__list_is_empty(&reactor->signal_watches))
        delist(reactor);
    return error;
}

/* A handler that the program has set over ours meanwhile is not taken from it. */
static void relinquish(const signal_watch *watch)
{
    int number = watch->signal;
    struct sigaction current;

    stopping_watches[number] -= watch->stops;
    if (--watched[number] == 0 && sigaction(number, NULL, &current) == 0 &&
        current.sa_handler == handle)
        sigaction(number, &former[number], NULL);
}

/* -- watches ------------------------------------------------------------------------------- */

static void drop_watch(signal_watch *watch)
{
    torc_reactor *reactor = watch->reactor;

    torc__list_remove(&watch->link);
    pthread_mutex_lock(&table_lock);
    relinquish(watch);
    if (torc__list_is_empty(&reactor->signal_watches))
        delist(reactor);
    pthread_mutex_unlock(&table_lock);
    torc__free(watch);
}

static void watch_scope_ended(torc_scoped *scoped)
{
    signal_watch *watch = TORC_CONTAINER_OF(scoped, signal_watch, scoped);

    /* Inside run_signals the list is being walked: the walk drops it. */
    if (watch->reactor->in_signals)
        watch->gone = true;
    else
        drop_watch(watch);
}

/* The caller says what it calls. */
static signal_watch *add_watch(torc_reactor *reactor, int number, bool stops, int *ret_error)
{
    signal_watch *watch = torc__allocate_zeroed(sizeof *watch);

    if (watch == NULL) {
        *ret_error = ENOMEM;
        return NULL;
    }
    watch->reactor = reactor;
    watch->signal = number;
    watch->stops = stops;
    watch->seen = atomic_load(&counts[number]);
    pthread_mutex_lock(&table_lock);
    *ret_error = acquire(watch);
    pthread_mutex_unlock(&table_lock);
    if (*ret_error != 0) {
        torc__free(watch);
        return NULL;
    }
    torc__list_append(&reactor->signal_watches, &watch->link);
    return watch;
}

torc_failure *torc_on_signal(torc_scope *scope, int signal, torc_call *call, void *argument)
{
    torc_reactor *reactor = scope->reactor;
    signal_watch *watch;
    int error = EINVAL;

    torc__check_thread(reactor, "torc_on_signal");
    if (scope->ended)
        return torc_failure_new(&torc_error_cancelled, "the scope of a signal's call has ended");
    if (signal <= 0 || signal >= SIGNALS)
        return torc_failure_from_errno(error, "cannot catch signal %d", signal);
    watch = add_watch(reactor, signal, false, &error);
    if (watch == NULL)
        return torc_failure_from_errno(error, "cannot catch signal %d", signal);
    watch->call = call;
    watch->argument = argument;
    torc_scope_add(scope, &watch->scoped, watch_scope_ended);
    return NULL;
}

/* -- the turn's part ----------------------------------------------------------------------- */

static void run_watch(signal_watch *watch)
{
    unsigned count = atomic_load(&counts[watch->signal]);
    const torc__context *outer;

    if (count == watch->seen || watch->gone)
        return;
    watch->seen = count;
    outer = torc__enter(watch->reactor, NULL);
    watch->call(watch->argument);
    torc__leave(watch->reactor, outer);
}

void torc__run_signals(torc_reactor *reactor)
{
    unsigned now = atomic_load_explicit(&total, memory_order_acquire);
    torc__list *link;
    torc__list *next;

    if (TORC_LIKELY(now == reactor->signals_seen))
        return;
    reactor->signals_seen = now;
    reactor->in_signals = true;
    for (link = reactor->signal_watches.next; link != &reactor->signal_watches; link = link->next)
        run_watch(TORC_CONTAINER_OF(link, signal_watch, link));
    reactor->in_signals = false;
    for (link = reactor->signal_watches.next; link != &reactor->signal_watches; link = next) {
        signal_watch *watch = TORC_CONTAINER_OF(link, signal_watch, link);

        next = link->next;
        if (watch->gone)
            drop_watch(watch);
    }
}

/* -- the signals that stop a running reactor ----------------------------------------------- */

static const int stop_signals[] = { SIGINT, SIGTERM };

/* Whether the program watches the signal too: then it is the program's to decide what it does. */
static bool is_claimed(int number)
{
    bool claimed;

    pthread_mutex_lock(&table_lock);
    claimed = watched[number] > stopping_watches[number];
    pthread_mutex_unlock(&table_lock);
    return claimed;
}

/* The first asks in order; who sends it again is not made to wait. */
static void stop_by_signal(void *argument)
{
    const signal_watch *watch = argument;
    torc_reactor *reactor = watch->reactor;

    if (is_claimed(watch->signal))
        return;
    if (reactor->stop_asked)
        torc__shutdown_hurry(reactor);
    else
        torc_stop(reactor);
}

/* Whether the program handles or ignores the signal by means of its own. */
static bool has_foreign_handler(int number)
{
    struct sigaction current;
    bool foreign;

    pthread_mutex_lock(&table_lock);
    foreign = watched[number] == 0 && sigaction(number, NULL, &current) == 0 &&
        current.sa_handler != SIG_DFL;
    pthread_mutex_unlock(&table_lock);
    return foreign;
}

void torc__signals_run_begins(torc_reactor *reactor)
{
    struct sigaction current;
    int error;

    if (sigaction(SIGPIPE, NULL, &current) == 0 && current.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < 2; i++) {
        signal_watch *watch;

        if (has_foreign_handler(stop_signals[i]))
            continue;
        watch = add_watch(reactor, stop_signals[i], true, &error);
        if (watch == NULL) {
            torc_log_error("cannot catch signal %d: %s", stop_signals[i], strerror(error));
            continue;
        }
        watch->call = stop_by_signal;
        watch->argument = watch;
        reactor->stop_watches[i] = watch;
    }
}

void torc__signals_run_ends(torc_reactor *reactor)
{
    for (size_t i = 0; i < 2; i++) {
        if (reactor->stop_watches[i] == NULL)
            continue;
        drop_watch(reactor->stop_watches[i]);
        reactor->stop_watches[i] = NULL;
    }
}
