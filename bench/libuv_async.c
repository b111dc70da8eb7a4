/*
 * Calls between threads on libuv: what torc_call_from_thread.c measures, under the same names.
 *
 * uv_async_send carries nothing, and several sends may come as one wake-up. Where each message is
 * to be delivered, as here, a program keeps a queue of its own under a lock behind it; that queue
 * is the other half of what is compared. It comes in two kinds:
 *
 *   list    a node on the heap for each message: what programs on libuv do
 *   array   two arrays that take turns, so that nothing is allocated: as quick as can be had
 *
 *     libuv_async list|array
 */
#include "common/program.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { MESSAGES = 300000, TRIPS = 3000, JOBS = 3000, JOBS_AT_ONCE = 64, ROUNDS = 7 };

typedef struct message {
    struct message *next;
    void (*call)(void *argument);
    void *argument;
} message;

typedef struct mailbox {
    uv_loop_t loop;
    uv_async_t async;
    uv_mutex_t lock;
    message *first; /* list */
    message **last;
    message *array; /* array */
    size_t count;
    size_t capacity;
    message *spare;
    size_t spare_capacity;
} mailbox;

static mailbox here;
static mailbox there;
static bool uses_array;
static pthread_barrier_t both;
static int left;

/* -- the queue ----------------------------------------------------------------------------- */

static void append(mailbox *box, const message *sent)
{
    message *node = malloc(sizeof(*node));

    if (node == NULL)
        bench_fatal("out of memory");
    *node = *sent;
    node->next = NULL;
    uv_mutex_lock(&box->lock);
    *box->last = node;
    box->last = &node->next;
    uv_mutex_unlock(&box->lock);
}

static void append_to_array(mailbox *box, const message *sent)
{
    uv_mutex_lock(&box->lock);
    if (box->count == box->capacity) {
        box->capacity = box->capacity != 0 ? 2 * box->capacity : 64;
        box->array = realloc(box->array, box->capacity * sizeof(*box->array));
        if (box->array == NULL)
            bench_fatal("out of memory");
    }
    box->array[box->count++] = *sent;
    uv_mutex_unlock(&box->lock);
}

static void send_to(mailbox *box, void (*call)(void *argument), void *argument)
{
    const message sent = { .call = call, .argument = argument };

    if (uses_array)
        append_to_array(box, &sent);
    else
        append(box, &sent);
    uv_async_send(&box->async);
}

static void run_list(mailbox *box)
{
    message *batch;

    uv_mutex_lock(&box->lock);
    batch = box->first;
    box->first = NULL;
    box->last = &box->first;
    uv_mutex_unlock(&box->lock);
    while (batch != NULL) {
        message *next = batch->next;

        batch->call(batch->argument);
        free(batch);
        batch = next;
    }
}

static void run_array(mailbox *box)
{
    message *batch;
    size_t capacity;
    size_t count;

    uv_mutex_lock(&box->lock);
    batch = box->array;
    count = box->count;
    capacity = box->capacity;
    box->array = box->spare;
    box->capacity = box->spare_capacity;
    box->count = 0;
    uv_mutex_unlock(&box->lock);
    for (size_t i = 0; i < count; i++)
        batch[i].call(batch[i].argument);
    box->spare = batch;
    box->spare_capacity = capacity;
}

static void woken(uv_async_t *async)
{
    if (uses_array)
        run_array(async->data);
    else
        run_list(async->data);
}

/* -- loops --------------------------------------------------------------------------------- */

static void open_box(mailbox *box)
{
    memset(box, 0, sizeof(*box));
    box->last = &box->first;
    if (uv_loop_init(&box->loop) != 0 || uv_async_init(&box->loop, &box->async, woken) != 0 ||
        uv_mutex_init(&box->lock) != 0)
        bench_fatal("no loop");
    box->async.data = box;
}

static void close_box(mailbox *box)
{
    uv_close((uv_handle_t *)&box->async, NULL);
    uv_run(&box->loop, UV_RUN_DEFAULT);
    uv_loop_close(&box->loop);
    uv_mutex_destroy(&box->lock);
    free(box->array);
    free(box->spare);
}

/* Runs it for the rounds; `count` is what one round does. */
static void measure(const char *name, void (*round)(void), int count)
{
    double best = 1e18;

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t begin = uv_hrtime();
        double each;

        left = count;
        round();
        each = (double)(uv_hrtime() - begin) / count;
        if (each < best)
            best = each;
    }
    bench_say("%s %.1f ns", name, best);
}

static void run_beside(void *(*run)(void *), void (*begin)(void *))
{
    pthread_t thread;

    open_box(&here);
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        bench_fatal("no thread");
    pthread_barrier_wait(&both);
    if (begin != NULL)
        send_to(&here, begin, NULL);
    uv_run(&here.loop, UV_RUN_DEFAULT);
    pthread_barrier_wait(&both);
    pthread_join(thread, NULL);
    close_box(&here);
}

/* -- one way ------------------------------------------------------------------------------- */

static void count_message(void *argument)
{
    (void)argument;
    if (--left == 0)
        uv_stop(&here.loop);
}

static void *send_all(void *argument)
{
    pthread_barrier_wait(&both);
    for (int i = 0; i < MESSAGES; i++)
        send_to(&here, count_message, argument);
    pthread_barrier_wait(&both);
    return argument;
}

static void one_way(void)
{
    run_beside(send_all, NULL);
}

/* -- round trips --------------------------------------------------------------------------- */

static void stop_there(void *argument)
{
    (void)argument;
    uv_stop(&there.loop);
}

static void come_back(void *argument);

static void go_there(void *argument)
{
    send_to(&here, come_back, argument);
}

static void come_back(void *argument)
{
    if (left-- > 0) {
        send_to(&there, go_there, argument);
        return;
    }
    send_to(&there, stop_there, NULL);
    uv_stop(&here.loop);
}

static void *run_other(void *argument)
{
    open_box(&there);
    pthread_barrier_wait(&both);
    uv_run(&there.loop, UV_RUN_DEFAULT);
    pthread_barrier_wait(&both);
    close_box(&there);
    return argument;
}

static void round_trips(void)
{
    run_beside(run_other, come_back);
}

/* -- jobs ---------------------------------------------------------------------------------- */

static int begun;

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

static void begin_job(void);

static void job_done(uv_work_t *work, int status)
{
    (void)status;
    free(work);
    if (--left == 0)
        uv_stop(&here.loop);
    else if (begun < JOBS)
        begin_job();
}

static void begin_job(void)
{
    uv_work_t *work = malloc(sizeof(*work));

    begun++;
    if (work == NULL || uv_queue_work(&here.loop, work, do_nothing, job_done) != 0)
        bench_fatal("no job");
}

static void run_jobs(int at_once)
{
    open_box(&here);
    begun = 0;
    for (int i = 0; i < at_once; i++)
        begin_job();
    uv_run(&here.loop, UV_RUN_DEFAULT);
    close_box(&here);
}

static void one_job_at_a_time(void)
{
    run_jobs(1);
}

static void many_jobs_at_once(void)
{
    run_jobs(JOBS_AT_ONCE);
}

int main(int argc, char **argv)
{
    if (argc != 2 || (strcmp(argv[1], "list") != 0 && strcmp(argv[1], "array") != 0))
        bench_fatal("usage: libuv_async list|array");
    uses_array = strcmp(argv[1], "array") == 0;
    pthread_barrier_init(&both, NULL, 2);
    measure("one_way", one_way, MESSAGES);
    measure("round_trip", round_trips, TRIPS);
    measure("job", one_job_at_a_time, JOBS);
    measure("jobs", many_jobs_at_once, JOBS);
    return 0;
}
