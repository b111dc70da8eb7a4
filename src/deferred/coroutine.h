/*
 * The inside of a coroutine, for the files that share it.
 *
 *   coroutine.c         spawning, waiting, cancelling, ending       react.c      torc_react
 *   coroutine_stack.c   the memory, and what there is of it         generator.c  generators
 *   coroutine_guard.c   what happens when a stack runs over
 *   switch*.c           from one stack to another           waiting.h    for higher floors
 *
 * A coroutine's deferred is what waits on its behalf: it has `state.coroutine`, it is `running`
 * from the spawning to the return, and its `waiting` is what is awaited. So cancelling, the ends of
 * scopes and rings of waiting are what they are with any deferred. The result that it holds
 * meanwhile is the one that the coroutine borrows; when the function returns it is as if the one
 * callback of that deferred had.
 *
 * Memory of one: the guard, then the stack, then the torc__coroutine, at the upper end, so that it
 * shares a page with the first frames. All goes back to the pool at the end of a turn.
 */
#ifndef TORC_DEFERRED_COROUTINE_H
#define TORC_DEFERRED_COROUTINE_H

#include <torc/coroutine.h>

#include "base/list.h"
#include "deferred/switch.h"
#include "deferred/waiting.h"
#include "reactor/members.h"
#include "reactor/reactor.h"

#if defined(__SANITIZE_ADDRESS__)
# define TORC__ASAN 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer)
#  define TORC__ASAN 1
# endif
#endif

#if defined(__SANITIZE_THREAD__)
# define TORC__TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define TORC__TSAN 1
# endif
#endif

#define TORC__COROUTINE_NAME_SIZE 48

/* The memory of one; see coroutine_stack.c. */
typedef struct torc__stack {
    torc__list link;            /* among all of the reactor, pooled or not */
    struct torc__stack *next_free;
    char *mapping;
    size_t mapped;              /* bytes, with the guard */
    size_t guard;               /* of these, at the lower end */
    unsigned valgrind_id;
    bool pooled;
    char name[TORC__COROUTINE_NAME_SIZE]; /* of the coroutine that has it, or had it last */
} torc__stack;

/* What the sanitizers are told of a switch. */
typedef struct torc__annotation {
#ifdef TORC__ASAN
    void *fake_stack;
    void *resumer_fake_stack;
    const void *resumer_stack;
    size_t resumer_size;
#endif
#ifdef TORC__TSAN
    void *fiber;
    void *resumer_fiber;
#endif
    char unused;
} torc__annotation;

struct torc__coroutine {
    torc__stack stack;            /* first */
    torc_reactor *reactor;
    torc_deferred *promise;       /* what torc_spawn gave */
    torc_deferred *unwanted;      /* what it waited for when its scope ended; held */
    torc_coroutine *function;
    void *argument;
    torc_result returned;
    torc_scope scope;
    torc__context context;
    const torc__context *outer_context; /* of the scope that it was spawned in; NULL: none */
    torc__grave grave;
    torc__task task;              /* beginning, then being told that the scope has ended */
    torc__stand stand;            /* where it left off */
    torc__stand resumer;          /* where who made it run left off */
    torc__annotation annotation;
    unsigned refusals;            /* waits in a row that were over at once, for want of a scope */
    bool begun;
    bool active;                  /* somewhere on the stacks that are being run */
    bool over;                    /* the function has returned */
    bool cancel_due;              /* its next await is to give 'cancelled' */
};

extern TORC_API const torc__member_kind torc__members_coroutine;
extern TORC_API const torc__member_kind torc__members_generator; /* generator.c */

/* -- coroutine_stack.c --------------------------------------------------------------------- */

/* Zeroed but for its stack; NULL, with an errno, when there is no memory for one. */
torc__coroutine *torc__coroutine_allocate(torc_reactor *reactor, size_t stack_size, int *ret_error);
void torc__coroutine_free(torc__coroutine *self);

/* What may be used of the stack. */
static inline char *torc__stack_low(const torc__stack *stack)
{
    return stack->mapping + stack->guard;
}

static inline size_t torc__stack_size(const torc__stack *stack)
{
    return (size_t)((const char *)stack - torc__stack_low(stack)) & ~(size_t)63;
}

/* -- coroutine_guard.c --------------------------------------------------------------------- */

/* Sees to it that this thread can tell of a stack that runs over. */
void torc__coroutine_watch_guards(void);

#endif /* TORC_DEFERRED_COROUTINE_H */
