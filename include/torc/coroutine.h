/*
 * coroutine: asynchronous work written as straight code, on a stack of its own.
 *
 * torc_spawn runs a function that may wait where it stands, and gives a deferred for what the
 * function returns. torc_await waits for any deferred of the same reactor, and other work runs
 * meanwhile. A program with one main job needs nothing else than torc_react:
 *
 *     static torc_result count_down(torc_scope *scope, void *unused)
 *     {
 *         for (int i = 10; i > 0; i--) {
 *             torc_result slept = torc_sleep(scope, TORC_SECOND);
 *
 *             if (torc_is_failure(slept))
 *                 return slept;
 *             printf("%d\n", i);
 *         }
 *         return torc_nothing();
 *     }
 *
 *     int main(void)
 *     {
 *         return torc_react(count_down, NULL);
 *     }
 *
 * Who owns what. What torc_await gives is *borrowed* until the coroutine waits the next time, or
 * returns; hold it (torc_result_hold) to keep it longer. To return what was awaited last passes it
 * on, as with callbacks. To return a deferred (torc_wait_for) is to await it and to return that.
 *
 * The scope. A coroutine is handed a scope of its own, inside the one that it was spawned in. It
 * ends when the function returns, and what was started in it and is not done is cancelled. A
 * deferred that was made in it keeps its result until it is awaited or the scope ends, so several
 * may be started first and awaited one after the other, in any order. A failure in one that nobody
 * ever awaits is logged when the scope ends. What lives long and starts much that it never awaits
 * starts that in a scope inside its own (torc_scope_new), which keeps nothing.
 *
 * Cancellation. torc_cancel on the deferred of torc_spawn cancels what the coroutine is waiting
 * for: torc_await gives a failure of type torc_error_cancelled. The coroutine may clean up, wait
 * for more, or even go on; cancelling again cancels the new wait. One that has not begun just
 * fails. One that cancels itself gets the failure from its next await.
 *
 * The end of the scope that it was spawned in. None of its code runs inside torc_scope_end. At the
 * end of the turn, with the memory of what has ended still there, its await gives 'cancelled'; from
 * then on each further one does so at once, until the function returns. It is never dropped in the
 * middle: what it holds, it can let go of. The same happens when the reactor is freed.
 *
 * A function that waits must run on the stack of the coroutine itself: a callback of a deferred or
 * of a scope's end cannot await, also where a coroutine made it run. To await outside of a
 * coroutine, to await one deferred twice or one of another reactor, or to go on and on waiting
 * after the end, aborts with a message that says so.
 *
 * Stacks are taken from the reactor, which keeps some for the next. Below each lies a guard: where
 * a stack is too small the program ends with "coroutine stack overflow in NAME". For that the first
 * torc_spawn installs a handler for SIGSEGV and SIGBUS, with a stack of its own; what is not about
 * a coroutine goes on to the handler that was there before.
 */
#ifndef TORC_COROUTINE_H
#define TORC_COROUTINE_H

#include <torc/deferred.h>
#include <torc/reactor.h>

TORC_BEGIN_DECLS

/* What it returns is given away: it is what the deferred of torc_spawn fires with. */
typedef torc_result torc_coroutine(torc_scope *scope, void *argument);

/* -- starting ------------------------------------------------------------------------------ */

/* The whole of a coroutine's memory: address space, of which only what is used takes memory. */
#define TORC_COROUTINE_STACK ((size_t)128 * 1024)

typedef struct torc_coroutine_options {
    const char *name;  /* for logs and messages; copied, up to 47 bytes. NULL: that of its scope */
    size_t stack_size; /* bytes; 0: TORC_COROUTINE_STACK. At least 16 KiB */
} torc_coroutine_options;

/*
 * torc_spawn(scope, function, argument): runs function(its own scope, argument) from the next turn
 * on, under the function's name. The deferred belongs to `scope`, and fires with what the function
 * returns. Where there is no memory for a stack it has failed, with torc_error_out_of_memory.
 */
#define torc_spawn(scope, function, argument) \
    torc_spawn_named((scope), #function, (function), (argument))

TORC_API torc_deferred *torc_spawn_named(
    torc_scope *scope, const char *name, torc_coroutine *function, void *argument);

TORC_API torc_deferred *torc_spawn_with(torc_scope *scope, const torc_coroutine_options *options,
    torc_coroutine *function, void *argument);

/*
 * torc_react(main_job, argument): a reactor, with main_job in it, until that is done; gives the
 * exit status. A failure is logged, and is exit status 1. SIGINT and SIGTERM (and torc_stop) cancel
 * the job and let it finish; a second one does not wait for it. A job that ends as cancelled after
 * that is exit status 1 too, and is not logged.
 */
#define torc_react(main_job, argument) torc_react_named(#main_job, (main_job), (argument))

TORC_API int torc_react_named(const char *name, torc_coroutine *main_job, void *argument);

/* -- waiting: from inside a coroutine only ------------------------------------------------- */

/* Waits for the result of `deferred`, which is its own no more: nobody else may wait for it. */
TORC_API torc_result torc_await(torc_deferred *deferred);

/* Waits. Nothing, or the failure that it was cancelled: by torc_cancel, or by the scope's end. */
TORC_API torc_result torc_sleep(torc_scope *scope, torc_time delay);

/* Lets everything else run that is ready, and goes on in a later turn. Result as torc_sleep's. */
TORC_API torc_result torc_yield(torc_scope *scope);

/* -- generators ---------------------------------------------------------------------------- */

/*
 * A coroutine that gives many values, each when it is asked for:
 *
 *     static torc_result squares(torc_scope *scope, torc_generator *self, void *unused)
 *     {
 *         torc_result given = torc_nothing();
 *
 *         for (int64_t i = 0; !torc_is_failure(given); i++)
 *             given = torc_give(self, torc_integer(i * i));
 *         return given;
 *     }
 *
 *     torc_generator *all = torc_generate(scope, squares, NULL);
 *     torc_result square;
 *
 *     while (torc_next(all, &square))
 *         ...
 */
typedef struct torc_generator torc_generator;

typedef torc_result torc_generating(torc_scope *scope, torc_generator *self, void *argument);

/*
 * A generator in `scope`, which ends it at the latest; it begins when it is first asked, and not
 * before the next turn. It must not be used after the scope's end. NULL when memory is out.
 */
#define torc_generate(scope, function, argument) \
    torc_generate_named((scope), #function, (function), (argument))

TORC_API torc_generator *torc_generate_named(
    torc_scope *scope, const char *name, torc_generating *function, void *argument);

/*
 * From the generator: hands out a value, and waits until asked for more. The value is given away,
 * or is what was awaited last, which is passed on.
 */
TORC_API torc_result torc_give(torc_generator *self, torc_result value);

/*
 * From a coroutine: waits for the next value. False after the last one. Where the generator returns
 * a failure that is the last value. *ret_value is borrowed as what torc_await gives.
 */
TORC_API bool torc_next(torc_generator *generator, torc_result *ret_value);

/*
 * From anywhere: a deferred of the next value, made in the generator's scope; after the last one it
 * fires with a result of which torc_is_end is true. Ask again only when it has fired.
 */
TORC_API torc_deferred *torc_next_later(torc_generator *generator);

extern TORC_API const torc_type torc_type_end;

static inline bool torc_is_end(torc_result result)
{
    return result.type == &torc_type_end;
}

/* Cancels it, and gives it back at the end of the turn; do not use it afterwards. */
TORC_API void torc_generator_end(torc_generator *generator);

/* -- how much there is --------------------------------------------------------------------- */

typedef struct torc_coroutine_report {
    size_t running;     /* coroutines that are not done, begun or not */
    size_t pooled;      /* stacks that wait for the next one */
    size_t reserved;    /* bytes of address space, of all stacks */
    size_t resident;    /* bytes of memory that they have taken, to a page */
    size_t deepest;     /* the most that one stack has ever used, to a page */
    char deepest_name[48]; /* the last coroutine on that stack */
} torc_coroutine_report;

/* Looks at each stack of the reactor: takes a system call for each, so not for every turn. */
TORC_API void torc_coroutine_look(torc_reactor *reactor, torc_coroutine_report *ret_report);

/*
 * How many stacks of the common size the reactor keeps for the next; 64 by default. What those have
 * used stays in memory.
 */
TORC_API void torc_coroutine_set_pool(torc_reactor *reactor, size_t stacks_max);

TORC_END_DECLS

#endif /* TORC_COROUTINE_H */
