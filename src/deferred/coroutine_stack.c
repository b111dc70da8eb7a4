/*
 * The memory of coroutines: mapped one by one, with a guard below, and pooled by the reactor.
 *
 * The guard is made by MADV_GUARD_INSTALL where the system has it: that leaves a mapping in one
 * piece, and neighbouring ones grow together, so a million are no more to the system than one.
 * Elsewhere mprotect makes it, at the price of two mappings for each stack; the system allows some
 * 65 000 in a process (vm.max_map_count), and beyond that a coroutine cannot be spawned.
 */
#include "deferred/coroutine.h"

#include "base/memory.h"
#include "base/system_call.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef TORC__ASAN
# include <sanitizer/asan_interface.h>
#endif

#if defined(__has_include)
# if __has_include(<valgrind/valgrind.h>)
#  include <valgrind/valgrind.h>
# endif
#endif
#ifndef VALGRIND_STACK_REGISTER
# define VALGRIND_STACK_REGISTER(low, high) 0u
# define VALGRIND_STACK_DEREGISTER(id)      (void)(id)
#endif

#ifndef MAP_STACK
# define MAP_STACK 0
#endif
#ifndef MAP_NORESERVE
# define MAP_NORESERVE 0
#endif

/* Larger than nearly any one frame, so that no call steps over it. */
#define GUARD_SIZE ((size_t)64 * 1024)
#define LEAST_SIZE ((size_t)16 * 1024)
#define POOL_SIZE  ((size_t)64)

/* Of Linux 6.13 and 5.14; the headers of a system that builds this may be older. */
enum { ADVICE_GUARD_INSTALL = 102, ADVICE_POPULATE_READ = 22 };

struct torc__stacks {
    torc__list all;
    torc__stack *free;
    size_t free_count;
    size_t keep;
    size_t running;
    size_t page;
};

/* -- guards -------------------------------------------------------------------------------- */

enum { GUARDS_UNKNOWN, GUARDS_WORK, GUARDS_FAIL };

static atomic_int light_guards;

/* An emulator may take any advice and do nothing: a guard that is one cannot be populated. */
static bool guard_holds(char *low, size_t page)
{
    int known = atomic_load(&light_guards);

    if (known == GUARDS_UNKNOWN) {
        known = madvise(low, page, ADVICE_POPULATE_READ) == 0 || errno != EFAULT
            ? GUARDS_FAIL : GUARDS_WORK;
        atomic_store(&light_guards, known);
    }
    return known == GUARDS_WORK;
}

static bool guard(char *low, size_t page)
{
    if (atomic_load(&light_guards) != GUARDS_FAIL &&
        TORC__CALL(madvise, low, GUARD_SIZE, ADVICE_GUARD_INSTALL) == 0 && guard_holds(low, page))
        return true;
    return TORC__CALL(mprotect, low, GUARD_SIZE, PROT_NONE) == 0;
}

/* -- one stack ----------------------------------------------------------------------------- */

static void forget_poison(const torc__stack *stack)
{
#ifdef TORC__ASAN
    /* The frames that were left for good never cleaned up behind themselves. */
    __asan_unpoison_memory_region(torc__stack_low(stack), torc__stack_size(stack));
#else
    (void)stack;
#endif
}

static torc__stack *map_stack(struct torc__stacks *stacks, size_t size, int *ret_error)
{
    size_t mapped = GUARD_SIZE + size;
    char *mapping = MAP_FAILED;
    torc__coroutine *made;

    if (!torc__call_fails("mmap"))
        mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mapping == MAP_FAILED) {
        *ret_error = errno;
        return NULL;
    }
    if (!guard(mapping, stacks->page)) {
        *ret_error = errno;
        munmap(mapping, mapped);
        return NULL;
    }
    made = (torc__coroutine *)(void *)(mapping + mapped - ((sizeof *made + 63) & ~(size_t)63));
    made->stack.mapping = mapping;
    made->stack.mapped = mapped;
    made->stack.guard = GUARD_SIZE;
    made->stack.valgrind_id = VALGRIND_STACK_REGISTER(mapping + GUARD_SIZE, mapping + mapped);
    torc__list_append(&stacks->all, &made->stack.link);
    return &made->stack;
}

/* False where the system has no room to split what it mapped: then it stays for another time. */
static bool unmap_stack(torc__stack *stack)
{
    torc__stack old = *stack;

    forget_poison(stack);
    torc__list_remove(&stack->link);
    if (munmap(old.mapping, old.mapped) == 0) {
        VALGRIND_STACK_DEREGISTER(old.valgrind_id);
        return true;
    }
    return false;
}

/* -- the reactor's ------------------------------------------------------------------------- */

static struct torc__stacks *stacks_of(torc_reactor *reactor)
{
    struct torc__stacks *stacks = reactor->stacks;

    if (stacks != NULL)
        return stacks;
    stacks = torc__allocate_zeroed(sizeof *stacks);
    if (stacks == NULL)
        return NULL;
    torc__coroutine_watch_guards();
    torc__list_init(&stacks->all);
    stacks->keep = POOL_SIZE;
    stacks->page = (size_t)sysconf(_SC_PAGESIZE);
    reactor->stacks = stacks;
    return stacks;
}

static size_t rounded(const struct torc__stacks *stacks, size_t size)
{
    if (size == 0)
        size = TORC_COROUTINE_STACK;
    if (size < LEAST_SIZE)
        size = LEAST_SIZE;
    return size > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size + stacks->page - 1) & ~(stacks->page - 1);
}

/* Only stacks of the common size are pooled, so any in the pool will do. */
static bool is_common(const struct torc__stacks *stacks, size_t size)
{
    return size == rounded(stacks, 0);
}

torc__coroutine *torc__coroutine_allocate(torc_reactor *reactor, size_t stack_size, int *ret_error)
{
    struct torc__stacks *stacks = stacks_of(reactor);
    torc__stack *stack = NULL;
    torc__coroutine *self;
    size_t size;

    *ret_error = ENOMEM;
    if (stacks == NULL)
        return NULL;
    size = rounded(stacks, stack_size);
    if (is_common(stacks, size) && stacks->free != NULL) {
        stack = stacks->free;
        stacks->free = stack->next_free;
        stacks->free_count--;
    } else {
        stack = map_stack(stacks, size, ret_error);
    }
    if (stack == NULL)
        return NULL;
    stacks->running++;
    self = TORC_CONTAINER_OF(stack, torc__coroutine, stack);
    memset((char *)self + sizeof *stack, 0, sizeof *self - sizeof *stack);
    stack->pooled = false;
    return self;
}

void torc__coroutine_free(torc__coroutine *self)
{
    struct torc__stacks *stacks = self->reactor->stacks;
    torc__stack *stack = &self->stack;

    stacks->running--;
    if (!is_common(stacks, stack->mapped - stack->guard) || stacks->free_count >= stacks->keep) {
        unmap_stack(stack);
        return;
    }
    forget_poison(stack);
    stack->pooled = true;
    stack->next_free = stacks->free;
    stacks->free = stack;
    stacks->free_count++;
}

static void trim(struct torc__stacks *stacks)
{
    while (stacks->free_count > stacks->keep) {
        torc__stack *stack = stacks->free;

        stacks->free = stack->next_free;
        stacks->free_count--;
        unmap_stack(stack);
    }
}

void torc_coroutine_set_pool(torc_reactor *reactor, size_t stacks_max)
{
    struct torc__stacks *stacks;

    torc__check_thread(reactor, "torc_coroutine_set_pool");
    stacks = stacks_of(reactor);
    if (stacks == NULL)
        return;
    stacks->keep = stacks_max;
    trim(stacks);
}

void torc__coroutines_drop(torc_reactor *reactor)
{
    if (reactor->stacks == NULL)
        return;
    reactor->stacks->keep = 0;
    trim(reactor->stacks);
    torc__free(reactor->stacks);
    reactor->stacks = NULL;
}

/* -- looking ------------------------------------------------------------------------------- */

/* Adds up the pages of a stack that are in memory; gives the bytes from the lowest of them up. */
static size_t measure(const torc__stack *stack, size_t page, size_t *resident)
{
    unsigned char pages[256];
    size_t size = stack->mapped - stack->guard;
    size_t deepest = 0;

    for (size_t done = 0; done < size; done += sizeof pages * page) {
        size_t left = size - done;
        size_t part = left < sizeof pages * page ? left : sizeof pages * page;

        if (mincore(torc__stack_low(stack) + done, part, pages) != 0)
            return deepest;
        for (size_t i = 0; i < part / page; i++) {
            if ((pages[i] & 1) == 0)
                continue;
            *resident += page;
            if (deepest == 0)
                deepest = left - i * page;
        }
    }
    return deepest;
}

void torc_coroutine_look(torc_reactor *reactor, torc_coroutine_report *ret_report)
{
    struct torc__stacks *stacks = reactor->stacks;

    torc__check_thread(reactor, "torc_coroutine_look");
    memset(ret_report, 0, sizeof *ret_report);
    if (stacks == NULL)
        return;
    ret_report->running = stacks->running;
    ret_report->pooled = stacks->free_count;
    for (torc__list *link = stacks->all.next; link != &stacks->all; link = link->next) {
        const torc__stack *stack = TORC_CONTAINER_OF(link, torc__stack, link);
        size_t used = measure(stack, stacks->page, &ret_report->resident);

        ret_report->reserved += stack->mapped;
        if (used <= ret_report->deepest)
            continue;
        ret_report->deepest = used;
        memcpy(ret_report->deepest_name, stack->name, sizeof stack->name);
    }
}
