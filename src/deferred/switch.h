/*
 * switch: going from one stack to another, the one thing that C cannot say.
 *
 *   switch_x86_64.c, switch_aarch64.c   in assembly: what a call preserves is pushed, the stack
 *                                       pointer exchanged, and what lies there is popped
 *   switch_portable.c                   by the system's ucontext, wherever there is neither
 *
 * A shadow stack of return addresses (x86-64 CET) would have to be exchanged too. A build that
 * promises to keep to one (-fcf-protection=return) takes the portable way, where libc does it.
 * TORC_PORTABLE_SWITCH asks for that way by hand.
 */
#ifndef TORC_DEFERRED_SWITCH_H
#define TORC_DEFERRED_SWITCH_H

#include <torc/macros.h>

#include <stddef.h>

#if !defined(TORC_PORTABLE_SWITCH) && defined(__GNUC__) && defined(__LP64__)
# if defined(__x86_64__) && !(defined(__CET__) && (__CET__ & 2))
#  define TORC__SWITCH_X86_64 1
# elif defined(__aarch64__)
#  define TORC__SWITCH_AARCH64 1
# endif
#endif

#if !defined(TORC__SWITCH_X86_64) && !defined(TORC__SWITCH_AARCH64)
# define TORC__SWITCH_PORTABLE 1
# include <ucontext.h>
#endif

/* Where somebody stands who has been switched away from. */
typedef struct torc__stand {
#ifdef TORC__SWITCH_PORTABLE
    ucontext_t context;
#else
    void *stack_pointer;
#endif
} torc__stand;

/* Makes `stand` one that begins with entry(argument) on the stack; `entry` must not return. */
TORC_API void torc__stand_init(torc__stand *stand, void *stack, size_t size,
    void (*entry)(void *argument), void *argument);

/* Leaves off here, to be found in *from, and goes on at *to. */
#ifdef TORC__SWITCH_PORTABLE
TORC_API void torc__switch(torc__stand *from, torc__stand *to);
#else
TORC_API void torc__switch_stacks(void **from, void *to);

static inline void torc__switch(torc__stand *from, torc__stand *to)
{
    torc__switch_stacks(&from->stack_pointer, to->stack_pointer);
}
#endif

#endif /* TORC_DEFERRED_SWITCH_H */
