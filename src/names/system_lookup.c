/*
 * Look-ups in helper threads.
 *
 * A job is one look-up's record on the heap. The reactor's thread has it as a member of the root
 * scope until its answer has come; a thread of the pool has it while it runs. What both touch then,
 * `answered` and `disowned`, is guarded by `lock`, which is also held while the answer is posted:
 * so a reactor cannot be freed between the look at `disowned` and the post.
 *
 *     in line --a thread takes it--> runs --posted--> answered --delivered--> freed
 *
 * The reactor's end frees a job that is in line or answered; one that runs is disowned, and freed
 * by its thread. That is why the pool is the process's and not the reactor's, which would wait.
 */
#include "names/system_lookup.h"

#include "base/memory.h"
#include "base/socket_address.h"
#include "reactor/reactor.h"
#include "reactor/thread_pool.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>

struct torc__system_job {
    torc__thread_work work;
    torc__task delivery;
    torc_scoped scoped;    /* of the reactor's root */
    torc_reactor *reactor;
    torc__system_lookup *lookup; /* who wants to know; NULL: nobody. The reactor's thread only */
    bool answered;
    bool disowned;
    bool only_ipv6;
    uint16_t port;
    torc__system_addresses answer;
    char host[256];
};

/* The process's threads: a name server that is down must not take a thread per look-up. */
static torc__thread_pool pool;
static pthread_once_t pool_is_made = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Nobody can wait for a thread that is in getaddrinfo; one without work goes at once. */
static void make_pool(void)
{
    const torc__thread_pool_limits limits = {
        .most = TORC__SYSTEM_THREADS,
        .waiting = TORC__SYSTEM_WAITING_MAX,
    };

    torc__thread_pool_init(&pool, "torc-resolver", &limits);
    pool.detached = true;
}

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

static void work(torc__thread_work *taken)
{
    torc__system_job *job = TORC_CONTAINER_OF(taken, torc__system_job, work);
    bool disowned;

    resolve(job);
    pthread_mutex_lock(&lock);
    disowned = job->disowned;
    job->answered = true;
    /* A reactor that takes no calls any more frees the job when it ends. */
    if (!disowned)
        (void)torc__post_task_from_thread(job->reactor, &job->delivery);
    pthread_mutex_unlock(&lock);
    if (disowned)
        torc__free(job);
}

/* -- in the reactor's thread --------------------------------------------------------------- */

static void end_job(torc_scoped *scoped)
{
    torc__system_job *job = TORC_CONTAINER_OF(scoped, torc__system_job, scoped);

    if (job->lookup != NULL)
        job->lookup->job = NULL;
    if (!torc__thread_pool_withdraw(&pool, &job->work)) {
        bool runs;

        pthread_mutex_lock(&lock);
        runs = !job->answered;
        job->disowned = runs;
        pthread_mutex_unlock(&lock);
        if (runs)
            return;
    }
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

static void deliver(torc__task *task)
{
    torc__system_job *job = TORC_CONTAINER_OF(task, torc__system_job, delivery);
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
    int error;

    if (job == NULL)
        return ENOMEM;
    pthread_once(&pool_is_made, make_pool);
    job->work.run = work;
    job->delivery.run = deliver;
    job->reactor = reactor;
    job->lookup = lookup;
    job->only_ipv6 = only_ipv6;
    job->port = port;
    memcpy(job->host, host, strnlen(host, sizeof(job->host) - 1));

    error = torc__thread_pool_add(&pool, &job->work);
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

    if (job == NULL)
        return;
    lookup->job = NULL;
    job->lookup = NULL;
    if (!torc__thread_pool_withdraw(&pool, &job->work))
        return;
    torc_scope_remove(&job->scoped);
    torc__free(job);
}
