/*
 * The reactor: making it, running it, and the turn.
 */
#include "reactor/reactor.h"

#include "base/abort.h"
#include "base/memory.h"
#include "log/context.h"
#include "reactor/drivers.h"

#include <torc/log.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local torc_reactor *current_reactor;

torc_reactor *torc__current_reactor(void)
{
    return current_reactor;
}

void torc__set_current_reactor(torc_reactor *reactor)
{
    current_reactor = reactor;
}

static size_t write_context(char *text, size_t size)
{
    const torc__context *context = current_reactor != NULL ? current_reactor->context : NULL;

    if (context == NULL || size == 0)
        return 0;
    context->describe(context, text, size);
    return strnlen(text, size);
}

void torc__abort_wrong_thread(const char *call)
{
    torc__abort("%s was called from a thread that the reactor does not belong to; only the calls "
                "named ..._from_thread may be: use torc_call_from_thread", call);
}

/* -- making -------------------------------------------------------------------------------- */

/* 0, or a negative errno with nothing left behind. */
static int open_driver(torc_reactor *reactor, const torc_driver_class *kind)
{
    torc_driver *driver = torc__allocate_zeroed(kind->size);
    int error;

    if (driver == NULL)
        return -ENOMEM;
    driver->kind = kind;
    driver->reactor = reactor;
    error = kind->open(driver);
    if (error != 0) {
        torc__free(driver);
        return error;
    }
    reactor->driver = driver;
    return 0;
}

static void init_parts(torc_reactor *reactor)
{
    reactor->now = reactor->driver->kind->now(reactor->driver);
    torc__wheel_init(&reactor->wheel, reactor->now);
    torc__scope_init(&reactor->root, NULL, reactor, NULL);
    torc__list_init(&reactor->tasks);
    torc__list_init(&reactor->after);
    torc__list_init(&reactor->late_deferreds);
    torc__list_init(&reactor->signal_watches);
    torc__list_init(&reactor->blocking_calls);
    torc__pool_init(&reactor->deferreds, torc__deferred_size, 1024);
    torc__pool_init(&reactor->chunks, TORC__CHUNK_SIZE, 64);
    torc__pool_init(&reactor->references, TORC__REFERENCE_SIZE, 256);
    torc__posting_init(&reactor->posting);
    torc__shutdown_init(reactor);
}

torc_reactor *torc__reactor_new_on(const torc_driver_class *kind, int *ret_error)
{
    torc_reactor *reactor = torc__allocate_zeroed(sizeof *reactor);

    if (reactor == NULL) {
        *ret_error = -ENOMEM;
        return NULL;
    }
    reactor->thread = torc__thread_identity();
    *ret_error = open_driver(reactor, kind);
    if (*ret_error != 0) {
        torc__free(reactor);
        return NULL;
    }
    init_parts(reactor);
    torc__log_set_context_writer(write_context);
    torc__deferred_debugging_from_environment();
    return reactor;
}

static torc_failure *no_such_driver(const char *name)
{
    char names[128] = "";

    for (size_t i = 0; torc_driver_name(i) != NULL; i++) {
        if (i > 0)
            strncat(names, ", ", sizeof names - strlen(names) - 1);
        strncat(names, torc_driver_name(i), sizeof names - strlen(names) - 1);
    }
    return torc_failure_new(
        &torc_error_invalid_argument, "there is no reactor '%s': choose one of %s", name, names);
}

static torc_failure *driver_does_not_work(const torc_driver_class *kind, int error)
{
    const char *why = kind->why_not != NULL ? kind->why_not(error) : NULL;

    if (why == NULL)
        return torc_failure_from_errno(error, "the reactor '%s' does not work here", kind->name);
    return torc_failure_from_errno(
        error, "the reactor '%s' does not work here: %s", kind->name, why);
}

torc_reactor *torc_reactor_new_named(const char *name, torc_failure **reterr_failure)
{
    const torc_driver_class *kind = torc__driver_named(name);
    torc_reactor *reactor;
    int error;

    if (kind == NULL) {
        *reterr_failure = no_such_driver(name);
        return NULL;
    }
    reactor = torc__reactor_new_on(kind, &error);
    if (reactor == NULL)
        *reterr_failure = driver_does_not_work(kind, -error);
    return reactor;
}

static TORC_NORETURN void die(const char *message)
{
    fprintf(stderr, "torc: %s\n", message);
    exit(EXIT_FAILURE);
}

torc_reactor *torc_reactor_new(void)
{
    const char *wanted = getenv("TORC_REACTOR");
    torc_failure *failure = NULL;
    torc_reactor *reactor;
    int error;

    if (wanted != NULL && wanted[0] != '\0') {
        reactor = torc_reactor_new_named(wanted, &failure);
        if (reactor == NULL)
            die(torc_failure_text(failure));
        return reactor;
    }
    for (size_t i = 0; torc__driver_at(i) != NULL; i++) {
        reactor = torc__reactor_new_on(torc__driver_at(i), &error);
        if (reactor != NULL)
            return reactor;
    }
    die("no reactor works on this machine: is it out of memory or of file descriptors?");
}

const char *torc_driver_name(size_t index)
{
    const torc_driver_class *kind = torc__driver_at(index);

    return kind != NULL ? kind->name : NULL;
}

const char *torc_reactor_driver_name(const torc_reactor *reactor)
{
    return reactor->driver->kind->name;
}

/* -- the turn ------------------------------------------------------------------------------ */

static void run_tasks(torc_reactor *reactor)
{
    torc__list batch;
    torc__list *link;

    if (torc__list_is_empty(&reactor->tasks))
        return;
    torc__list_move(&reactor->tasks, &batch);
    while ((link = torc__list_take_first(&batch)) != NULL) {
        torc__task *task = TORC_CONTAINER_OF(link, torc__task, link);

        task->run(task);
    }
}

void torc__bury_out_of_line(
    torc_reactor *reactor, torc__grave *grave, void (*release)(torc__grave *grave))
{
    torc__bury(reactor, grave, release);
}

static void free_graves(torc_reactor *reactor)
{
    while (reactor->graves != NULL) {
        torc__grave *grave = reactor->graves;

        reactor->graves = grave->next;
        grave->free(grave);
    }
}

/* What was left for the end: it may leave more, but never without end (see transport.c). */
static void settle(torc_reactor *reactor)
{
    do {
        torc__list *link;

        while ((link = torc__list_take_first(&reactor->after)) != NULL) {
            torc__task *task = TORC_CONTAINER_OF(link, torc__task, link);

            task->run(task);
        }
        if (reactor->dry != NULL)
            torc__settle_deferreds(reactor);
    } while (!torc__list_is_empty(&reactor->after));
    free_graves(reactor);
}

static void wake_up(torc_reactor *reactor)
{
    atomic_store_explicit(&reactor->posting.awake, true, memory_order_relaxed);
}

/*
 * From here on who posts a call must wake the driver: so this stands before the last look whether
 * there is one.
 */
static void fall_asleep(torc_reactor *reactor)
{
    atomic_store(&reactor->posting.awake, false);
}

/* When the driver must come back at the latest. In the past: at once. */
static torc_time next_deadline(torc_reactor *reactor, torc_time until)
{
    torc_time next;

    fall_asleep(reactor);
    if (!torc__list_is_empty(&reactor->tasks) || reactor->stopped || torc__has_posts(reactor))
        return 0;
    next = torc__wheel_next(&reactor->wheel);
    return next < until ? next : until;
}

static void turn(torc_reactor *reactor, torc_time until)
{
    torc_driver *driver = reactor->driver;

    reactor->in_turn = true;
    wake_up(reactor);
    torc__run_timers(reactor);
    run_tasks(reactor);
    if (torc__has_posts(reactor))
        torc__run_posts(reactor);
    torc__run_signals(reactor);
    settle(reactor);

    driver->kind->turn(driver, next_deadline(reactor, until));
    settle(reactor);
    reactor->in_turn = false;
}

/* -- by hand ------------------------------------------------------------------------------- */

bool torc__reactor_has_work(torc_reactor *reactor)
{
    return !torc__list_is_empty(&reactor->tasks) || !torc__list_is_empty(&reactor->after)
        || reactor->dry != NULL || reactor->graves != NULL || torc__has_posts(reactor)
        || torc__wheel_next(&reactor->wheel) <= reactor->driver->kind->now(reactor->driver);
}

void torc__reactor_turn(torc_reactor *reactor)
{
    torc_reactor *outer = current_reactor;

    torc__check_thread(reactor, "torc__reactor_turn");
    if (reactor->in_turn)
        torc__abort("a reactor was asked for a turn from inside one of its own callbacks");
    reactor->running = true;
    current_reactor = reactor;
    reactor->now = reactor->driver->kind->now(reactor->driver);
    turn(reactor, 0);
    fall_asleep(reactor);
    current_reactor = outer;
}

/* -- running ------------------------------------------------------------------------------- */

static void begin(torc_reactor *reactor, const char *call)
{
    torc__check_thread(reactor, call);
    if (reactor->in_turn)
        torc__abort("%s was called from inside a callback of the reactor that it would run", call);
    if (!reactor->running) {
        reactor->running = true;
        torc__signals_run_begins(reactor);
    }
}

static void end(torc_reactor *reactor)
{
    reactor->running = false;
    torc__signals_run_ends(reactor);
}

/* No call from another thread is taken any more; those that were run as in a turn. */
static void finish(torc_reactor *reactor)
{
    reactor->in_turn = true;
    torc__posting_close(reactor);
    settle(reactor);
    torc__blocking_calls_close(reactor);
    settle(reactor);
    reactor->in_turn = false;
    end(reactor);
}

int torc_run_and_keep(torc_reactor *reactor)
{
    torc_reactor *outer = current_reactor;

    begin(reactor, "torc_run");
    current_reactor = reactor;
    reactor->now = reactor->driver->kind->now(reactor->driver);
    while (!reactor->stopped)
        turn(reactor, TORC_NEVER);
    finish(reactor);
    current_reactor = outer;
    return reactor->status;
}

int torc_run(torc_reactor *reactor)
{
    int status = torc_run_and_keep(reactor);

    torc_reactor_free(reactor);
    return status;
}

bool torc_iterate(torc_reactor *reactor, torc_time wait)
{
    torc_reactor *outer = current_reactor;

    begin(reactor, "torc_iterate");
    current_reactor = reactor;
    reactor->now = reactor->driver->kind->now(reactor->driver);
    if (torc__reactor_has_work(reactor))
        wait = 0;
    if (!reactor->stopped)
        turn(reactor, torc_time_add(reactor->now, wait));
    fall_asleep(reactor);
    if (reactor->stopped)
        finish(reactor);
    current_reactor = outer;
    return !reactor->stopped;
}

void torc_reactor_free(torc_reactor *reactor)
{
    torc_reactor *outer = current_reactor;

    if (reactor == NULL)
        return;
    torc__check_thread(reactor, "torc_reactor_free");
    if (reactor->in_turn)
        torc__abort("torc_reactor_free was called from inside a callback; call torc_stop there");
    /* What ends with the scopes may call the program, which must not free or run this meanwhile. */
    reactor->in_turn = true;
    current_reactor = reactor;
    end(reactor);
    torc__posting_close(reactor);
    torc__blocking_calls_close(reactor);
    torc__scope_finish(&reactor->root);
    torc__thread_jobs_close(reactor);
    do {
        settle(reactor);
        run_tasks(reactor);
    } while (!torc__list_is_empty(&reactor->after) || !torc__list_is_empty(&reactor->tasks) ||
        reactor->dry != NULL);
    settle(reactor);
    torc__drop_late_deferreds(reactor);
    torc__shutdown_drop(reactor);
    current_reactor = outer;

    torc__coroutines_drop(reactor);
    torc_failure_release(reactor->connection_done);
    torc__posting_await_wakers(&reactor->posting);
    reactor->driver->kind->close(reactor->driver);
    torc__free(reactor->driver);
    torc__timers_drop(reactor);
    torc__free(reactor->cooperator);
    torc__pool_drain(&reactor->deferreds);
    torc__pool_drain(&reactor->chunks);
    torc__pool_drain(&reactor->references);
    torc__pipe_pool_drain(&reactor->pipes);
    torc__posting_destroy(&reactor->posting);
    torc__free(reactor);
}

bool torc_is_running(const torc_reactor *reactor)
{
    return reactor->running && !reactor->stop_asked;
}

torc_scope *torc_root(torc_reactor *reactor)
{
    return &reactor->root;
}

torc_time torc_now(const torc_reactor *reactor)
{
    return reactor->now;
}

void torc_call_when_running(torc_scope *scope, torc_call *call, void *argument)
{
    torc_delayed_call started;

    torc__check_thread(scope->reactor, "torc_call_when_running");
    started = torc_call_soon(scope, call, argument);
    if (!torc_delayed_is_active(&started) && !scope->ended)
        torc_log_error("out of memory: a call is not made when the reactor runs");
}

/* -- stalls -------------------------------------------------------------------------------- */

void torc_set_stall_limit(torc_reactor *reactor, torc_time limit)
{
    torc__check_thread(reactor, "torc_set_stall_limit");
    reactor->stall_limit = limit;
    reactor->entered_at = torc_monotonic_now();
}

void torc__note_stall(torc_reactor *reactor, const torc__context *context)
{
    torc_time now = torc_monotonic_now();
    torc_time held = now - reactor->entered_at;
    char name[160] = "a call of the program's";

    reactor->entered_at = now;
    if (held < reactor->stall_limit)
        return;
    if (context != NULL)
        context->describe(context, name, sizeof name);
    torc_log_warn("%s held the loop for %lld ms", name, (long long)(held / TORC_MILLISECOND));
}

/* -- for drivers --------------------------------------------------------------------------- */

void torc_driver_woke(torc_driver *driver, torc_time now)
{
    driver->reactor->now = now;
    wake_up(driver->reactor);
}
