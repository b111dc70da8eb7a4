/*
 * testing: tests of protocols without sockets, without waiting, without luck. A component of its
 * own: link torc::testing (pkg-config torc-testing).
 *
 * Two tools, for two sizes of question.
 *
 * torc_test: one protocol, and you are its peer. Time stands still until you say otherwise.
 *
 *     torc_test *t = torc_test_new(torc_line_factory(&command_class));
 *
 *     torc_test_send(t, "dance\n");
 *     torc_test_expect(t, "Command not found.\n");
 *     torc_test_free(t);        // fails the test if anything is still pending or leaked
 *
 * torc_sim: a whole network in memory, with hosts, links and faults, everything out of one seed.
 *
 *     torc_sim *net = torc_sim_new(&(torc_sim_options){ .seed = 7 });
 *     torc_sim_host *server = torc_sim_add_host(net, "server", "10.0.0.1");
 *
 *     torc_listen(torc_sim_scope(server), "tcp:9999", torc_line_factory(&command_class));
 *     torc_sim_peer *peer = torc_sim_dial(net, "10.0.0.1", 9999);
 *     torc_sim_run_idle(net);
 *     assert_true(torc_sim_peer_is_open(peer));
 *     torc_sim_free(net);
 *
 * Inside either, ordinary code runs unchanged: torc_listen, torc_connect, delayed calls, deferreds.
 *
 * What fails a test. Torc does not know your test framework, so it asks: torc_testing_set_fail
 * gives it a function to call with what went wrong; the default prints it and aborts. With cmocka:
 *
 *     static void failed(const char *message) { fail_msg("%s", message); }
 *     ...
 *     torc_testing_set_fail(failed);        // once, in main()
 *
 * What a test leaves behind is looked for when its reactor is freed: work that is still pending,
 * errors in the log that it did not expect, memory and descriptors that it did not give back.
 * docs/testing.md teaches it from nothing. All calls are for the thread that made the reactor.
 *
 * Nothing here is for programs that serve; it may allocate without end and abort at will.
 */
#ifndef TORC_TESTING_H
#define TORC_TESTING_H

#include <torc/endpoint.h>
#include <torc/reactor.h>

TORC_BEGIN_DECLS

/* -- what fails a test --------------------------------------------------------------------- */

typedef void torc_testing_fail(const char *message);

/*
 * `fail` may return, jump (longjmp, as most frameworks do) or abort; NULL is the default again. The
 * message may have several lines, and is valid until it returns.
 */
TORC_API void torc_testing_set_fail(torc_testing_fail *fail);

/* Fails the test, with a message as printf; for checks of your own. */
TORC_API void torc_testing_failed(const char *format, ...) TORC_PRINTF(1, 2);

/*
 * Failures that nobody took (see <torc/deferred.h>) and log lines from `error` up fail the test at
 * its end, unless it has expected them: takes those so far whose text contains `part`, and gives
 * how many there were. NULL takes all. The text is as "error [Echo,0,-] what was said". While there
 * is a reactor of the kit's the log is not written to stderr; torc_log_to_file(stderr) shows it.
 */
TORC_API size_t torc_testing_flush_failures(const char *part);

/* -- a reactor on a virtual clock ---------------------------------------------------------- */

/*
 * A reactor without any I/O, whose clock moves only when one of the calls below moves it. It starts
 * at 0. Never NULL. Free it by torc_testing_free; do not torc_run it.
 *
 * To the code under test it is a machine without a network: torc_listen and torc_connect fail with
 * ENETDOWN. Memory transports work, and so does all else. Threads run in real time and are not
 * waited for. It goes on turning after torc_stop, which torc_is_running tells, and leaves the
 * process's signals alone.
 */
TORC_API torc_reactor *torc_testing_reactor(void);

/* Runs what is due, moving the clock on by `time`, from one deadline to the next. */
TORC_API void torc_testing_advance(torc_reactor *reactor, torc_time time);

/*
 * Runs all that can run without the clock moving. Fails the test after 100,000 turns that bring
 * nothing to its end.
 */
TORC_API void torc_testing_run_idle(torc_reactor *reactor);

/*
 * Lets time pass until condition(argument) holds, which is asked before the first turn and after
 * each. False when it does not within `at_most`; the clock then stands there.
 */
TORC_API bool torc_testing_run_until(torc_reactor *reactor, torc_time at_most,
    bool (*condition)(void *argument), void *argument);

/*
 * Runs what can run without the clock moving, then fails the test if the reactor has anything
 * pending: "2 delayed calls (in 3 s, in 5 s), 1 connection (Echo,0,-) are pending". Delayed calls,
 * timers, deferreds, connections, ports and look-ups count; what only waits for an occasion (a
 * watched signal, a shutdown trigger, torc_scope_on_end) does not.
 */
TORC_API void torc_testing_check_clean(torc_reactor *reactor);

/*
 * Checks as torc_testing_check_clean, frees the reactor, and fails the test for errors in the log
 * that were not flushed, and for descriptors and memory of the engine that are held and were not
 * when the reactor was made. All that is wrong is told in one message, when all is freed. NULL is
 * a no-op.
 */
TORC_API void torc_testing_free(torc_reactor *reactor);

/* -- one protocol, and you its peer -------------------------------------------------------- */

typedef struct torc_test torc_test;

/* How the transport behaves that the protocol sees. Zeroed: a perfect one. */
typedef struct torc_test_options {
    torc_address peer;      /* what torc_peer_address tells */
    torc_address local;     /* what torc_local_address tells */
    size_t send_buffer;     /* bytes under way to you at a time; 0: any number */
    size_t cut_every;       /* what you send arrives in pieces of at most so many bytes; 0: whole */
    bool stalled;           /* as by torc_test_stall, from the start */
    torc_reactor *reactor;  /* of torc_testing_reactor, shared by several; NULL: one of its own */
} torc_test_options;

/*
 * Makes a protocol by `factory`, which is taken over, as a port does when it has accepted a
 * connection (its limits and its `admits` are asked; who is turned away is TORC_TEST_CLOSED from
 * the start), and runs its connection_made. Never NULL.
 *
 * Several connections of one factory: hold it (torc_factory_hold) for each further one, and let
 * them share a reactor.
 */
TORC_API torc_test *torc_test_new(torc_factory *factory);
TORC_API torc_test *torc_test_new_with(torc_factory *factory, const torc_test_options *options);

TORC_API torc_reactor *torc_test_reactor(const torc_test *test);

/* The protocol under test; NULL once it has gone. */
TORC_API torc_protocol *torc_test_protocol(const torc_test *test);

/*
 * Each of these lets the protocol do what follows, without the clock moving. On a connection that
 * has ended they are no-ops. A piece of input is gone, and its memory freed, when data_received
 * returns.
 */
TORC_API void torc_test_send(torc_test *test, const char *text);
TORC_API void torc_test_send_bytes(torc_test *test, torc_slice bytes);
TORC_API void torc_test_close(torc_test *test);       /* the peer closes both halves */
TORC_API void torc_test_close_write(torc_test *test); /* the peer closes its half */
TORC_API void torc_test_reset(torc_test *test);       /* the peer resets the connection */

/* As torc_testing_advance of its reactor. */
TORC_API void torc_test_advance(torc_test *test, torc_time time);

/* The peer takes no more bytes (so that they queue up), or takes them again. */
TORC_API void torc_test_stall(torc_test *test);
TORC_API void torc_test_unstall(torc_test *test);

/*
 * All that the protocol has sent since torc_test_new or the last torc_test_take. Borrowed until the
 * reactor runs on.
 */
TORC_API torc_slice torc_test_received(const torc_test *test);

/* As torc_test_received, and begins anew. */
TORC_API torc_slice torc_test_take(torc_test *test);

/*
 * torc_test_expect(test, "text"): takes what the protocol has sent, and fails the test, naming this
 * line and showing both, unless it is exactly that text.
 */
#define torc_test_expect(test, text) torc_test_expect_at((test), torc_slice_of(text), TORC_HERE)
TORC_API void torc_test_expect_at(torc_test *test, torc_slice expected, torc_place place);

/* What has become of the connection. */
typedef enum torc_test_end {
    TORC_TEST_OPEN,
    TORC_TEST_HALF_CLOSED, /* the protocol has sent all and closed its half */
    TORC_TEST_CLOSED,      /* the protocol's side has closed it */
    TORC_TEST_RESET,       /* broken off, by either side */
} torc_test_end;

TORC_API torc_test_end torc_test_state(const torc_test *test);

/* Whether the protocol takes input now; not when it has paused reading, nor after the end. */
TORC_API bool torc_test_is_reading(const torc_test *test);

/* With what reason connection_lost was told; NULL before that. Borrowed. */
TORC_API const torc_failure *torc_test_reason(const torc_test *test);

/*
 * Ends the connection if it is open, as by torc_test_close, and checks and frees as
 * torc_testing_free; a reactor that was given stays, and is checked when you free it. NULL is a
 * no-op.
 */
TORC_API void torc_test_free(torc_test *test);

/*
 * Two protocols talk to each other until both fall silent, without the clock moving: what each has
 * sent and nobody has taken goes to the other, and so do ends and resets. It also stays to be seen
 * by torc_test_received. Fails the test after so many bytes that they will never stop (64 MiB).
 */
TORC_API void torc_test_pump(torc_test *one, torc_test *other);

/* -- a network in memory ------------------------------------------------------------------- */

typedef struct torc_sim torc_sim;
typedef struct torc_sim_host torc_sim_host;
typedef struct torc_sim_peer torc_sim_peer;

/* What may go wrong; each happens now and then, as the seed has it. */
typedef enum torc_sim_fault {
    TORC_SIM_SPLIT_READS = 1 << 0,   /* bytes arrive in any pieces */
    TORC_SIM_SHORT_WRITES = 1 << 1,  /* a send takes less than it was given */
    TORC_SIM_DELAYS = 1 << 2,        /* up to seconds, now and then */
    TORC_SIM_RESETS = 1 << 3,        /* of connections, at any stage */
    TORC_SIM_REFUSALS = 1 << 4,      /* of connections that are being made */
    TORC_SIM_DEAD_PEERS = 1 << 5,    /* that never answer again */
    TORC_SIM_PARTITIONS = 1 << 6,    /* between hosts, and they heal */
    TORC_SIM_CLOCK_JUMPS = 1 << 7,   /* the wall clock's */
    TORC_SIM_DESCRIPTORS = 1 << 8,   /* there are none left, for a while */
    TORC_SIM_MEMORY = 1 << 9,        /* an allocation fails */
    TORC_SIM_ALL_FAULTS = (1 << 10) - 1,
} torc_sim_fault;

typedef struct torc_sim_options {
    uint64_t seed;
    unsigned faults;          /* torc_sim_fault, ored */
    unsigned fault_per_mille; /* of the occasions on which one may happen; 0: 5 */
} torc_sim_options;

/* A link's behaviour, in one direction. Zeroed: at once, without bounds, without loss. */
typedef struct torc_sim_link {
    torc_time delay;
    torc_time jitter;         /* up to so much is added */
    uint64_t bytes_per_second; /* 0: no limit */
    unsigned loss_per_mille;  /* of packets; a stream sends them again, which takes time */
} torc_sim_link;

/* Never NULL. `options` may be NULL. */
TORC_API torc_sim *torc_sim_new(const torc_sim_options *options);

/*
 * Ends all hosts. Fails the test for what is pending or leaked, as torc_testing_free. A failing run
 * prints the seed.
 */
TORC_API void torc_sim_free(torc_sim *sim);

/* A host: a reactor of its own, with an IPv4 or IPv6 address. */
TORC_API torc_sim_host *torc_sim_add_host(torc_sim *sim, const char *name, const char *address);

TORC_API torc_reactor *torc_sim_reactor(torc_sim_host *host);
TORC_API torc_scope *torc_sim_scope(torc_sim_host *host); /* its reactor's root */

/* The host loses power: its connections say nothing more. It is freed with the network. */
TORC_API void torc_sim_crash(torc_sim_host *host);

/* In both directions. */
TORC_API void torc_sim_set_link(
    torc_sim_host *one, torc_sim_host *other, const torc_sim_link *link);
TORC_API void torc_sim_partition(torc_sim_host *one, torc_sim_host *other);
TORC_API void torc_sim_heal(torc_sim_host *one, torc_sim_host *other);

TORC_API torc_time torc_sim_now(const torc_sim *sim);

/* As their namesakes of torc_testing, for all hosts together. */
TORC_API void torc_sim_advance(torc_sim *sim, torc_time time);
TORC_API void torc_sim_run_idle(torc_sim *sim);
TORC_API bool torc_sim_run_until(torc_sim *sim, torc_time at_most,
    bool (*condition)(void *argument), void *argument);

/* A hash of all that has happened: the same seed gives the same one. */
TORC_API uint64_t torc_sim_history(const torc_sim *sim);

/* Turns faults on and off while it runs. */
TORC_API void torc_sim_set_faults(torc_sim *sim, unsigned faults, unsigned per_mille);

/* -- raw peers ----------------------------------------------------------------------------- */

/* Somebody outside who connects, and whom the test plays. Freed with the network. */
TORC_API torc_sim_peer *torc_sim_dial(torc_sim *sim, const char *address, uint16_t port);

TORC_API void torc_sim_peer_send(torc_sim_peer *peer, torc_slice bytes);
TORC_API void torc_sim_peer_close(torc_sim_peer *peer);
TORC_API void torc_sim_peer_reset(torc_sim_peer *peer);

/* All that came, since the dialling. Borrowed, until the network runs on. */
TORC_API torc_slice torc_sim_peer_received(const torc_sim_peer *peer);

/* Connected, and neither side has closed. */
TORC_API bool torc_sim_peer_is_open(const torc_sim_peer *peer);

/* -- many seeds ---------------------------------------------------------------------------- */

/*
 * Calls run(net, argument) with a fresh network for each of `count` seeds from `first` on, each
 * with `options` but its seed. Where one fails, prints one line that names the seed; the environment
 * variable TORC_SIM_SEED then runs that one alone.
 */
TORC_API void torc_sim_for_seeds(const torc_sim_options *options, uint64_t first, size_t count,
    void (*run)(torc_sim *sim, void *argument), void *argument);

TORC_END_DECLS

#endif /* TORC_TESTING_H */
