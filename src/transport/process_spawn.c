/*
 * Starting a child as fast as the system can: it borrows our memory until it executes its program
 * (CLONE_VM and CLONE_VFORK, or vfork), so that nothing has to be copied, however large we are, and
 * so that it can say what failed by writing it down.
 *
 * What runs in the child (everything named child_...) therefore keeps to rules. It allocates
 * nothing and takes no lock. It makes system calls directly where the C library's functions do more
 * than that: setuid() would change all of our threads. And no signal of ours may be handled in it:
 * all are blocked until their actions have been reset.
 */
#include "transport/process_spawn.h"

#include "base/memory.h"
#include "base/system_call.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is on it is a few frames; the sanitizers make them large. */
#define STACK_SIZE ((size_t)64 * 1024)

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* What the child reads, and where it writes what failed. */
typedef struct child_state {
    const torc__spawn *request;
    const char *candidates; /* paths to be tried, each with its NUL; an empty one is the end */
    int error;
    const char *step;
} child_state;

/* -- in the child -------------------------------------------------------------------------- */

#if defined(__linux__)

# if defined(SYS_setuid32)
#  define CHILD_SETUID(id)            syscall(SYS_setuid32, id)
#  define CHILD_SETGID(id)            syscall(SYS_setgid32, id)
#  define CHILD_SETGROUPS(count, ids) syscall(SYS_setgroups32, count, ids)
# else
#  define CHILD_SETUID(id)            syscall(SYS_setuid, id)
#  define CHILD_SETGID(id)            syscall(SYS_setgid, id)
#  define CHILD_SETGROUPS(count, ids) syscall(SYS_setgroups, count, ids)
# endif

/* The kernel's own struct of an action is no larger; all zero, it is the default action. */
TORC_UNCHECKED static void child_reset_signals(void)
{
    static const unsigned long default_action[16];

    for (int number = 1; number <= 64; number++)
        (void)syscall(SYS_rt_sigaction, number, default_action, NULL, (size_t)8);
}

static int child_close_from(unsigned first)
{
# if defined(SYS_close_range)
    if (torc__call_fails("close_range"))
        return -1;
    return (int)syscall(SYS_close_range, first, ~0u, 0u);
# else
    (void)first;
    errno = ENOSYS;
    return -1;
# endif
}

#else

# define CHILD_SETUID(id)            setuid(id)
# define CHILD_SETGID(id)            setgid(id)
# define CHILD_SETGROUPS(count, ids) setgroups((int)(count), ids)

static void child_reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
}

static int child_close_from(unsigned first)
{
    (void)first;
    errno = ENOSYS;
    return -1;
}

#endif

TORC_UNCHECKED static bool child_keeps(const torc__spawn *request, int number)
{
    for (size_t i = 0; i < request->count; i++)
        if (request->numbers[i] == number)
            return true;
    return false;
}

/* Each by itself, where the system cannot close a range. */
TORC_UNCHECKED static void child_close_each_from(int first)
{
    struct rlimit limit = { 0, 0 };

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur > 65536)
        limit.rlim_cur = 65536;
    for (int number = first; number < (int)limit.rlim_cur; number++)
        close(number);
}

/*
 * What is in the way of another is moved out of it first, beyond all of the child's numbers. 0 or
 * -1.
 */
TORC_UNCHECKED static int child_arrange_descriptors(const torc__spawn *request)
{
    int sources[TORC_CHILD_DESCRIPTORS_MAX];
    int end = 0;

    for (size_t i = 0; i < request->count; i++)
        if (request->numbers[i] >= end)
            end = request->numbers[i] + 1;
    for (size_t i = 0; i < request->count; i++) {
        sources[i] = request->sources[i];
        if (sources[i] < end && sources[i] != request->numbers[i])
            sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, end);
        if (sources[i] < 0)
            return -1;
    }
    for (size_t i = 0; i < request->count; i++) {
        int done = sources[i] == request->numbers[i] ? fcntl(sources[i], F_SETFD, 0)
                                                     : dup2(sources[i], request->numbers[i]);

        if (done < 0)
            return -1;
    }
    for (int number = 0; number < end; number++)
        if (!child_keeps(request, number))
            close(number);
    if (child_close_from((unsigned)end) < 0)
        child_close_each_from(end);
    return 0;
}

TORC_UNCHECKED static int child_switch_user(const torc_process_user *user)
{
    if (CHILD_SETGROUPS(user->group_count, user->groups) < 0)
        return -1;
    return CHILD_SETGID(user->gid) < 0 || CHILD_SETUID(user->uid) < 0 ? -1 : 0;
}

TORC_UNCHECKED static int child_enter_session(const torc__spawn *request)
{
    if (request->new_session && setsid() < 0)
        return -1;
    if (request->new_group && !request->new_session && setpgid(0, 0) < 0)
        return -1;
    return request->terminal >= 0 ? ioctl(request->terminal, TIOCSCTTY, 0) : 0;
}

/* Returns only when none could be executed; errno then is what is most worth knowing. */
TORC_UNCHECKED static void child_execute(const child_state *state)
{
    char *const *arguments = (char *const *)(uintptr_t)state->request->arguments;
    char *const *environment = (char *const *)(uintptr_t)state->request->environment;
    const char *path = state->candidates;
    bool denied = false;

    for (; *path != '\0'; path += strlen(path) + 1) {
        (void)TORC__CALL(execve, path, arguments, environment);
        denied = denied || errno == EACCES;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return;
    }
    errno = denied ? EACCES : ENOENT;
}

/* 0, or what could not be done, with errno. Only its last step comes back where all went well. */
TORC_UNCHECKED static const char *child_prepare_and_execute(const child_state *state)
{
    const torc__spawn *request = state->request;
    sigset_t none;

    child_reset_signals();
    if (child_enter_session(request) < 0)
        return "give a session or a terminal to";
    if (request->directory != NULL && chdir(request->directory) < 0)
        return "enter the directory of";
    if (request->umask != NULL)
        (void)umask(*request->umask);
    if (child_arrange_descriptors(request) < 0)
        return "arrange the descriptors of";
    if (request->user != NULL && child_switch_user(request->user) < 0)
        return "switch the user of";
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    child_execute(state);
    return "run";
}

TORC_UNCHECKED static int child_main(void *argument)
{
    child_state *state = argument;

    state->step = child_prepare_and_execute(state);
    state->error = errno;
    _exit(127);
}

/* -- finding the program ------------------------------------------------------------------- */

static char *add_candidate(char *to, const char *directory, size_t length, const char *name)
{
    memcpy(to, directory, length);
    to += length;
    if (length > 0)
        *to++ = '/';
    memcpy(to, name, strlen(name) + 1);
    return to + strlen(name) + 1;
}

/*
 * Where the program may be: at its path, or in one of the directories of PATH. Written down before
 * the child begins, which cannot allocate. NULL when memory is out.
 */
static char *find_candidates(const char *name)
{
    const char *directories = getenv("PATH");
    size_t parts = 1;
    char *candidates;
    char *to;

    if (directories == NULL)
        directories = DEFAULT_PATH;
    if (strchr(name, '/') != NULL || *name == '\0')
        directories = "";
    for (const char *at = directories; *at != '\0'; at++)
        parts += *at == ':';
    candidates = torc__allocate(strlen(directories) + parts * (strlen(name) + 2) + 1);
    if (candidates == NULL)
        return NULL;
    to = candidates;
    for (const char *at = directories; *name != '\0';) {
        size_t length = strcspn(at, ":");

        to = add_candidate(to, at, length, name);
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    *to = '\0';
    return candidates;
}

/* -- starting ------------------------------------------------------------------------------ */

#if defined(__linux__)

/* 0 or an errno. */
static int start(torc__spawn *request, child_state *state)
{
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    char *stack = torc__allocate(STACK_SIZE);
    int error = 0;

    if (stack == NULL)
        return ENOMEM;
# if defined(CLONE_PIDFD)
    if (!torc__call_fails("pidfd_open"))
        flags |= CLONE_PIDFD;
# endif
    request->pid = TORC__CALL(
        clone, child_main, stack + STACK_SIZE, flags, state, &request->descriptor, NULL, NULL);
    if (request->pid < 0)
        error = errno;
    torc__free(stack);
    return error;
}

#else

static int start(torc__spawn *request, child_state *state)
{
    request->pid = vfork();
    if (request->pid == 0)
        child_main(state);
    return request->pid < 0 ? errno : 0;
}

#endif

/* It is gone already, but for its status, which nobody wants. */
static void bury_child(torc__spawn *request)
{
    while (waitpid(request->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (request->descriptor >= 0)
        close(request->descriptor);
    request->descriptor = -1;
}

static int start_with_signals_blocked(torc__spawn *request, child_state *state)
{
    sigset_t all;
    sigset_t before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = start(request, state);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

int torc__spawn_child(torc__spawn *request, const char **ret_step)
{
    child_state state = { .request = request };
    char *candidates;
    int error;

    request->descriptor = -1;
    *ret_step = "start";
    candidates =
        find_candidates(request->path != NULL ? request->path : request->arguments[0]);
    if (candidates == NULL)
        return ENOMEM;
    state.candidates = candidates;
    error = start_with_signals_blocked(request, &state);
    if (error == 0 && state.error != 0) {
        bury_child(request);
        *ret_step = state.step;
        error = state.error;
    }
    torc__free(candidates);
    return error;
}
