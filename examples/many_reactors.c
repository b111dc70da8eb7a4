/*
 * many_reactors: an echo server that uses every processor.
 *
 * Each thread has a reactor of its own, and each reactor listens on the same port (SO_REUSEPORT):
 * the kernel hands out the connections among them. A connection stays with the reactor that took
 * it, so nothing is shared and nothing is locked.
 *
 *     $ many_reactors tcp:8000:reuseport 4
 */
#include <torc.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { REACTORS_MAX = 64 };

typedef struct worker {
    pthread_t thread;
    torc_reactor *reactor;
    torc_address address;
} worker;

static worker workers[REACTORS_MAX];
static size_t worker_count;
static pthread_barrier_t ready;

static void echo_data(torc_protocol *self, torc_slice data)
{
    torc_write(self->transport, data);
}

static const torc_protocol_class echo = {
    .name = "Echo",
    .data_received = echo_data,
};

/* Where the first one listens: its port may have been the system's choice. */
static void listen_too(torc_reactor *reactor, const torc_address *address)
{
    char host[TORC_ADDRESS_TEXT_MAX];

    torc_address_host(address, host);
    torc_listen_at(torc_root(reactor),
        &(torc_endpoint){ .host = host, .port = address->port, .reuse_port = true },
        torc_factory_of(&echo));
}

/* A reactor belongs to the thread that makes it, so each thread makes its own. */
static void *work(void *argument)
{
    worker *self = argument;

    self->reactor = torc_reactor_new();
    listen_too(self->reactor, &self->address);
    pthread_barrier_wait(&ready); /* from here on it may be stopped */
    torc_run_and_keep(self->reactor);
    pthread_barrier_wait(&ready); /* from here on nobody stops it any more */
    torc_reactor_free(self->reactor);
    return NULL;
}

static void stop(void *reactor)
{
    torc_stop(reactor);
}

/* The main thread takes the signals; the others are told. */
static torc_deferred *stop_all(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < worker_count; i++)
        torc_call_from_thread(workers[i].reactor, stop, workers[i].reactor);
    return NULL;
}

static size_t count_of(const char *text)
{
    long count = text != NULL ? strtol(text, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > REACTORS_MAX ? REACTORS_MAX : (size_t)count;
}

/* Signals are for the main thread: those that are started inherit what is blocked. */
static void start_workers(torc_address address)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < worker_count; i++) {
        workers[i].address = address;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    torc_port *port = torc_listen(torc_root(reactor),
        argc > 1 ? argv[1] : "tcp:8000:reuseport", torc_factory_of(&echo));
    int status;

    worker_count = count_of(argc > 2 ? argv[2] : NULL) - 1;
    pthread_barrier_init(&ready, NULL, (unsigned)worker_count + 1);
    start_workers(torc_port_address(port));
    pthread_barrier_wait(&ready);
    torc_on_shutdown(torc_root(reactor), TORC_BEFORE_SHUTDOWN, stop_all, NULL);
    status = torc_run(reactor);
    pthread_barrier_wait(&ready);
    for (size_t i = 0; i < worker_count; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_barrier_destroy(&ready);
    return status;
}
