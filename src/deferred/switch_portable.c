/*
 * The switch by ucontext, for processors that have no file of their own here: correct everywhere,
 * and slow, because it saves and restores the signal mask by two system calls.
 */
#include "deferred/switch.h"

#ifdef TORC__SWITCH_PORTABLE

#include "base/abort.h"

#include <stdint.h>

/* makecontext hands on ints only: a pointer goes in two halves. */
static void begin(unsigned entry_high, unsigned entry_low, unsigned high, unsigned low)
{
    uintptr_t entry = (uintptr_t)((uint64_t)entry_high << 32 | entry_low);
    uintptr_t argument = (uintptr_t)((uint64_t)high << 32 | low);

    ((void (*)(void *))entry)((void *)argument);
}

void torc__stand_init(torc__stand *stand, void *stack, size_t size,
    void (*entry)(void *argument), void *argument)
{
    uint64_t entry_bits = (uint64_t)(uintptr_t)entry;
    uint64_t bits = (uint64_t)(uintptr_t)argument;

    if (getcontext(&stand->context) != 0)
        torc__abort("getcontext does not work here: coroutines cannot be had");
    stand->context.uc_stack.ss_sp = stack;
    stand->context.uc_stack.ss_size = size;
    stand->context.uc_link = NULL;
    makecontext(&stand->context, (void (*)(void))begin, 4, (unsigned)(entry_bits >> 32),
        (unsigned)entry_bits, (unsigned)(bits >> 32), (unsigned)bits);
}

void torc__switch(torc__stand *from, torc__stand *to)
{
    if (swapcontext(&from->context, &to->context) != 0)
        torc__abort("swapcontext does not work here: coroutines cannot be had");
}

#endif
