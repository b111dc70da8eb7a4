/*
 * two_reactors: two loops in two threads that pass messages to each other.
 *
 * A program that wants more than one processor runs a reactor in each of several threads. Nothing
 * is shared between them: what one has to say to another goes through torc_call_from_thread, and
 * whatever is in the message belongs to the receiver from then on.
 *
 *     $ two_reactors 3
 *     here: 3
 *     there: 2
 *     here: 1
 *     there: 0
 */
#include <torc.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct player {
    const char *name;
    torc_reactor *reactor;
    struct player *other;
    bool begins;
    long received; /* the count in the message; read by this player's thread only */
} player;

static void stop(void *argument)
{
    const player *self = argument;

    torc_stop(self->reactor);
}

/* Runs in the receiver's thread. The ball is at one of the two at any time, so it needs no lock. */
static void receive(void *argument)
{
    player *self = argument;
    player *other = self->other;

    printf("%s: %ld\n", self->name, self->received);
    if (self->received > 0) {
        other->received = self->received - 1;
        torc_call_from_thread(other->reactor, receive, other);
        return;
    }
    torc_call_from_thread(other->reactor, stop, other);
    torc_stop(self->reactor);
}

/* A reactor belongs to the thread that makes it, so each thread makes its own. */
static pthread_barrier_t both;

static void *play(void *argument)
{
    player *self = argument;

    self->reactor = torc_reactor_new();
    if (self->begins)
        torc_call_from_thread(self->reactor, receive, self);
    pthread_barrier_wait(&both); /* from here on the other may call it */
    torc_run_and_keep(self->reactor);
    pthread_barrier_wait(&both); /* from here on it does not any more */
    torc_reactor_free(self->reactor);
    return NULL;
}

int main(int argc, char **argv)
{
    player here = { .name = "here", .begins = true };
    player there = { .name = "there", .other = &here };
    pthread_t thread;

    here.other = &there;
    here.received = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
    pthread_barrier_init(&both, NULL, 2);
    if (pthread_create(&thread, NULL, play, &there) != 0)
        return EXIT_FAILURE;
    play(&here);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&both);
    return EXIT_SUCCESS;
}
