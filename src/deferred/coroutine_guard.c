/*
 * A stack that runs over meets its guard, which is a SIGSEGV (a SIGBUS on some systems); there is
 * no room left to handle it on, so the handler has a stack of its own, one for each thread.
 *
 * The handler only looks at the reactor that runs in its thread. What is not about the guard of its
 * coroutine goes to whoever handled the signal before; with nobody there, the faulting instruction
 * is run again under the default action, so that a core file shows the place.
 */
#include "deferred/coroutine.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HANDLER_STACK ((size_t)64 * 1024)

static const int numbers[] = { SIGSEGV, SIGBUS };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static bool has_key;
static struct sigaction former[2];

/* -- the handler --------------------------------------------------------------------------- */

/* The coroutine into whose guard the address points; NULL: it is about something else. */
static const torc__coroutine *overflowed(const void *address)
{
    const torc_reactor *reactor = torc__current_reactor();
    const torc__coroutine *running = reactor != NULL ? reactor->coroutine : NULL;
    const char *at = address;

    if (running == NULL || at < running->stack.mapping ||
        at >= running->stack.mapping + running->stack.guard)
        return NULL;
    return running;
}

static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));

    (void)ignored;
}

static void hand_on(int number, siginfo_t *info, void *context)
{
    const struct sigaction *old = &former[number == SIGSEGV ? 0 : 1];

    if (old->sa_flags & SA_SIGINFO)
        old->sa_sigaction(number, info, context);
    else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN)
        signal(number, SIG_DFL);
    else
        old->sa_handler(number);
}

static void handle(int number, siginfo_t *info, void *context)
{
    const torc__coroutine *running = overflowed(info->si_addr);

    if (running == NULL) {
        hand_on(number, info, context);
        return;
    }
    say("torc: coroutine stack overflow in ");
    say(running->stack.name[0] != '\0' ? running->stack.name : "a coroutine without a name");
    say("; give it more by torc_spawn_with and its stack_size\n");
    abort();
}

/* -- setting up ---------------------------------------------------------------------------- */

static void drop_handler_stack(void *stack)
{
    stack_t none;

    memset(&none, 0, sizeof none);
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, NULL);
    munmap(stack, HANDLER_STACK);
}

static void install(void)
{
    struct sigaction action;

    has_key = pthread_key_create(&thread_key, drop_handler_stack) == 0;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, &former[i]);
}

void torc__coroutine_watch_guards(void)
{
    stack_t current;
    stack_t own;

    pthread_once(&once, install);
    if (sigaltstack(NULL, &current) != 0 || !(current.ss_flags & SS_DISABLE) || !has_key)
        return;
    memset(&own, 0, sizeof own);
    own.ss_size = HANDLER_STACK;
    own.ss_sp = mmap(NULL, HANDLER_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
        -1, 0);
    if (own.ss_sp == MAP_FAILED)
        return; /* an overflow is then a plain SIGSEGV */
    if (pthread_setspecific(thread_key, own.ss_sp) != 0 || sigaltstack(&own, NULL) != 0) {
        pthread_setspecific(thread_key, NULL);
        munmap(own.ss_sp, HANDLER_STACK);
    }
}
