/*
 * Look-ups in helper threads.
 *
 * A job is one look-up's record on the heap. It has two owners: the reactor's thread, through the
 * root scope of which the job is a member until its answer has come, and the line of jobs with its
 * threads. What both touch, `stage` and `disowned`, is guarded by `lock`, which is also held while
 * the answer is posted: so a reactor cannot be freed between the look at `disowned` and the post.
 *
 *     WAITING --a thread takes it--> RUNNING --posted--> ANSWERED --delivered--> freed
 *
 * The reactor's end frees a job that WAITS or is ANSWERED; one that is RUNNING is disowned, and
 * freed by its thread.
 */
#include "names/system_lookup.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/system_call.h"
#include "base/socket_address.h"
#include "reactor/reactor.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

typedef enum job_stage {
    WAITING,
    RUNNING,
    ANSWERED,
} job_stage;

struct torc__system_job {
    torc__list link;       /* in the line */
    torc_scoped scoped;    /* of the reactor's root */
    torc_reactor *reactor;
    torc__system_lookup *lookup;  /* who wants to know; NULL: nobody. The reactor's thread only */
    job_stage stage;
    bool disowned;
    bool only_ipv6;
    uint16_t port;
    torc__system_addresses answer;
    char host[256];
};

/* The process's threads: a name server that is down must not take a thread per look-up. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static torc__list line = { &line, &line };
static unsigned int threads;

/* -- in a helper thread -------------------------------------------------------------------- */

static const char *problem_of(int error)
{
    switch (error) {
    case EAI_SYSTEM:
    case EAI_MEMORY:
        return "the look-up failed for want of memory or files";
    case EAI_AGAIN:
        return "the name servers do not answer; try again later";
    default:
        return "there is no such name, or it has no address of the kind asked for";
    }
}

static void resolve(torc__system_job *job)
{
    struct addrinfo hints = {
        .ai_family = job->only_ipv6 ? AF_INET6 : AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found = NULL;
    torc__system_addresses *answer = &job->answer;
    int error = getaddrinfo(job->host, NULL, &hints, &found);

    answer->problem = problem_of(error);
    answer->is_missing = error == EAI_NONAME || error == EAI_NODATA;
    if (error != 0)
        return;
    for (struct addrinfo *each = found; each != NULL; each = each->ai_next) {
        torc_address *address = &answer->list[answer->count];

        if (answer->count == TORC__SYSTEM_ADDRESSES_MAX)
            break;
        torc__address_from_sockaddr(address, each->ai_addr, each->ai_addrlen);
        if (address->kind != TORC_ADDRESS_IPV4 && address->kind != TORC_ADDRESS_IPV6)
            continue;
        address->port = job->port;
        answer->count++;
    }
    freeaddrinfo(found);
}

static void deliver(void *argument);

/* With the lock held. */
static void hand_in(torc__system_job *job)
{
    if (job->disowned) {
        torc__free(job);
        return;
    }
    /* A reactor that takes no calls any more frees the job when it ends. */
    job->stage = ANSWERED;
    torc_call_from_thread(job->reactor, deliver, job);
}

static void *work(void *unused)
{
    torc__list *node;

    pthread_mutex_lock(&lock);
    while ((node = torc__list_take_first(&line)) != NULL) {
        torc__system_job *job = TORC_CONTAINER_OF(node, torc__system_job, link);

        job->stage = RUNNING;
        pthread_mutex_unlock(&lock);
        resolve(job);
        pthread_mutex_lock(&lock);
        hand_in(job);
    }
    threads--;
    pthread_mutex_unlock(&lock);
    return unused;
}

/* With the lock held. Signals are for the program's own threads. */
static int start_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    int error = pthread_attr_init(&attributes);

    if (error != 0)
        return error;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = torc__call_fails("pthread_create") ? errno
                                               : pthread_create(&thread, &attributes, work, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error == 0)
        threads++;
    return error;
}

/* -- in the reactor's thread --------------------------------------------------------------- */

static void end_job(torc_scoped *scoped)
{
    torc__system_job *job = TORC_CONTAINER_OF(scoped, torc__system_job, scoped);

    if (job->lookup != NULL)
        job->lookup->job = NULL;
    pthread_mutex_lock(&lock);
    if (job->stage == RUNNING) {
        job->disowned = true;
        job = NULL;
    } else {
        torc__list_remove(&job->link);
    }
    pthread_mutex_unlock(&lock);
    torc__free(job);
}

static void describe(const torc_scoped *scoped, char *text, size_t size)
{
    snprintf(text, size, "%s", TORC_CONTAINER_OF(scoped, torc__system_job, scoped)->host);
}

const torc__member_kind torc__members_system_lookup = {
    .end = end_job,
    .name = "look-up of a name",
    .describe = describe,
};

static void deliver(void *argument)
{
    torc__system_job *job = argument;
    torc__system_lookup *lookup = job->lookup;

    torc_scope_remove(&job->scoped);
    if (lookup != NULL) {
        lookup->job = NULL;
        lookup->found(lookup, &job->answer);
    }
    torc__free(job);
}

int torc__system_lookup_start(torc__system_lookup *lookup, torc_reactor *reactor, const char *host,
    uint16_t port, bool only_ipv6)
{
    torc__system_job *job = torc__allocate_zeroed(sizeof(*job));
    int error = 0;

    if (job == NULL)
        return ENOMEM;
    job->reactor = reactor;
    job->lookup = lookup;
    job->only_ipv6 = only_ipv6;
    job->port = port;
    memcpy(job->host, host, strnlen(host, sizeof(job->host) - 1));

    pthread_mutex_lock(&lock);
    torc__list_append(&line, &job->link);
    if (threads < TORC__SYSTEM_THREADS)
        error = start_thread();
    /* Without a thread of its own it still has its turn while others run. */
    if (threads != 0)
        error = 0;
    if (error != 0)
        torc__list_remove(&job->link);
    pthread_mutex_unlock(&lock);
    if (error != 0) {
        torc__free(job);
        return error;
    }
    lookup->job = job;
    torc_scope_add(torc_root(reactor), &job->scoped, end_job);
    return 0;
}

void torc__system_lookup_cancel(torc__system_lookup *lookup)
{
    torc__system_job *job = lookup->job;
    bool waiting;

    if (job == NULL)
        return;
    lookup->job = NULL;
    job->lookup = NULL;
    pthread_mutex_lock(&lock);
    waiting = job->stage == WAITING;
    if (waiting)
        torc__list_remove(&job->link);
    pthread_mutex_unlock(&lock);
    if (!waiting)
        return;
    torc_scope_remove(&job->scoped);
    torc__free(job);
}
