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
 *     torc_sim *net = torc_sim_new(.seed = 7);
 *     torc_sim_listen(net, "tcp:9999", torc_line_factory(&command_class));
 *
 *     torc_sim_peer *peer = torc_sim_dial(net, "tcp:9999");
 *     torc_sim_run(net);
 *     assert_true(torc_sim_is_open(peer));
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

/*
 * Hosts with addresses, links between them, and streams over those links that behave as TCP does: a
 * handshake, a window of 64 KiB, resending, resets, a queue of connections to be accepted. Each
 * host has a reactor of its own; all run in the thread that made the network, in an order that only
 * the seed decides. Time passes only when the calls below let it, and everything else (the wall
 * clock, the keys of hash tables) is part of the simulation too: the same seed gives the same run,
 * to the byte.
 *
 * To the code under test a host is an ordinary machine with an address, loopback and UNIX sockets.
 * Its name is the one that the test gives it. Inherited descriptors ("fd:3") are unknown.
 */
typedef struct torc_sim torc_sim;
typedef struct torc_sim_host torc_sim_host;
typedef struct torc_sim_peer torc_sim_peer;

/* A link's behaviour, in one direction. Zeroed: at once, without bounds, without loss. */
typedef struct torc_sim_link {
    torc_time delay;
    torc_time jitter;         /* up to so much is added */
    uint64_t bytes_per_second; /* 0: no limit */
    unsigned loss_per_mille;  /* of packets; a stream sends them again, which takes time */
} torc_sim_link;

typedef struct torc_sim_options {
    char unused;         /* so that torc_sim_new() can be written with nothing in it */
    uint64_t seed;
    torc_sim_link link;  /* between any two hosts, where torc_sim_set_link has set no other */
} torc_sim_options;

/*
 * torc_sim_new(), torc_sim_new(.seed = 7), torc_sim_new(.seed = 7, .link.delay = TORC_SECOND): what
 * is in the parentheses are members of torc_sim_options. Never NULL. For C; in C++, and where the
 * options are in a variable, torc_sim_new_with. NULL are the default ones.
 */
#ifndef __cplusplus
# define torc_sim_new(...) \
    torc_sim_new_with(&(torc_sim_options){ .unused = 0, __VA_ARGS__ })
#endif
TORC_API torc_sim *torc_sim_new_with(const torc_sim_options *options);

/*
 * Ends all hosts: whatever is under way there is cancelled. Then fails the test for what they left
 * behind: failures that nobody took, errors in the log, connections that were never closed, memory
 * and descriptors. The message names the seed. NULL is a no-op.
 */
TORC_API void torc_sim_free(torc_sim *sim);

/*
 * Ends all hosts, as torc_sim_free does, and prints what they left behind on stderr, a line each.
 * Gives how many lines that were, which do not fail the test any more. It is the last thing to ask
 * of a network.
 */
TORC_API size_t torc_sim_leaks(torc_sim *sim);

/* -- hosts --------------------------------------------------------------------------------- */

/*
 * A host with a reactor of its own, and an IPv4 or IPv6 address. Several may have one name: it then
 * has several addresses. Freed with the network.
 */
TORC_API torc_sim_host *torc_sim_add_host(torc_sim *sim, const char *name, const char *address);

/*
 * For tests in which one host is enough: "server", at 192.0.2.1. It is made when it is first asked
 * for, or listened on.
 */
TORC_API torc_sim_host *torc_sim_server(torc_sim *sim);

/* As torc_listen in the scope of torc_sim_server. */
TORC_API torc_port *torc_sim_listen(torc_sim *sim, const char *endpoint, torc_factory *factory);

/* Where raw peers are (see below): to give them a link, or to part them from a host. No reactor. */
TORC_API torc_sim_host *torc_sim_outside(torc_sim *sim);

/* Do not torc_run it. After torc_stop has done its work the host stands still. */
TORC_API torc_reactor *torc_sim_reactor(torc_sim_host *host);
TORC_API torc_scope *torc_sim_scope(torc_sim_host *host); /* its reactor's root */

/*
 * A further name of the host's, which torc_connect finds. Several hosts may have it: its addresses
 * come in the order in which they were named.
 */
TORC_API void torc_sim_name(torc_sim *sim, const char *name, torc_sim_host *host);

/* What a host starts by itself. Scope and reactor are new each time. */
typedef void torc_sim_boot(torc_sim_host *host, void *argument);

/* Runs boot(host, argument) now, and again whenever the host comes up after a crash. */
TORC_API void torc_sim_on_boot(torc_sim_host *host, torc_sim_boot *boot, void *argument);

/* The host loses power: it runs no more, and its connections say nothing more. */
TORC_API void torc_sim_crash(torc_sim_host *host);

/*
 * The host comes up again, with its names, address, links and limits; if it was up, it crashes
 * first. All else is gone: its reactor is freed, which ends its scopes as ever, but what is sent
 * then reaches nobody; a new one is made, and what torc_sim_on_boot was given runs. Whoever still
 * sends on a connection from before is told that it was reset; who says nothing is told nothing.
 * Not from inside a callback.
 */
TORC_API void torc_sim_reboot(torc_sim_host *host);

/* What a host has. 0: no limit. */
typedef struct torc_sim_limits {
    size_t descriptors; /* connections and listening sockets; then connecting, accepting: EMFILE */
    size_t memory;      /* bytes that the engine holds for it; then allocations fail */
} torc_sim_limits;

/*
 * From now on. What is held already stays, though it may be more; of memory only what is got while
 * the host runs counts, and only from now on.
 */
TORC_API void torc_sim_limit(torc_sim_host *host, const torc_sim_limits *limits);

/* In both directions, for what is sent from now on. */
TORC_API void torc_sim_set_link(
    torc_sim_host *one, torc_sim_host *other, const torc_sim_link *link);

/* What is on its way is lost too, and sent again: a healed connection goes on where it was. */
TORC_API void torc_sim_partition(torc_sim_host *one, torc_sim_host *other);
TORC_API void torc_sim_heal(torc_sim_host *one, torc_sim_host *other);

/* -- its time ------------------------------------------------------------------------------ */

/* Since the network was made. */
TORC_API torc_time torc_sim_now(const torc_sim *sim);

/* The wall clock jumps, back where `by` is negative; timers do not notice. */
TORC_API void torc_sim_jump_clock(torc_sim *sim, torc_time by);

/*
 * These let the hosts run. Not from inside a callback. Each fails the test when there is no end to
 * what a moment brings.
 *
 * torc_sim_run: until nothing is on its way in the network. The clock moves as far as that takes,
 * up to a minute: over perfect links not at all. Timers that come due meanwhile run; nobody waits
 * for those that are left.
 * torc_sim_advance: for so long. 0: what can run now.
 * torc_sim_run_until: as torc_testing_run_until, for all hosts together.
 */
TORC_API void torc_sim_run(torc_sim *sim);
TORC_API void torc_sim_advance(torc_sim *sim, torc_time time);
TORC_API bool torc_sim_run_until(torc_sim *sim, torc_time at_most,
    bool (*condition)(void *argument), void *argument);

/* A hash of all that has happened: the same seed gives the same one. */
TORC_API uint64_t torc_sim_history(const torc_sim *sim);

/* -- what may go wrong --------------------------------------------------------------------- */

/* Each happens now and then, as the seed has it. */
typedef enum torc_sim_fault {
    TORC_SIM_SPLIT_READS = 1 << 0,   /* bytes arrive in any pieces */
    TORC_SIM_SHORT_WRITES = 1 << 1,  /* a send takes less than it was given, or is done later */
    TORC_SIM_DELAYS = 1 << 2,        /* on the way, up to 3 seconds; and of closing */
    TORC_SIM_RESETS = 1 << 3,        /* of connections, at any stage */
    TORC_SIM_REFUSALS = 1 << 4,      /* of connections that are being made */
    TORC_SIM_DEAD_PEERS = 1 << 5,    /* of a connection nothing arrives any more, either way */
    TORC_SIM_PARTITIONS = 1 << 6,    /* between two hosts, and they heal within 20 seconds */
    TORC_SIM_CLOCK_JUMPS = 1 << 7,   /* the wall clock's, up to a day in either direction */
    TORC_SIM_DESCRIPTORS = 1 << 8,   /* a host has none left, for up to a second */
    TORC_SIM_MEMORY = 1 << 9,        /* an allocation of the engine's fails, while a host runs */
    TORC_SIM_SLOW_PEERS = 1 << 10,   /* a connection carries 100 to 5,000 bytes a second */
    TORC_SIM_LOOK_UPS = 1 << 11,     /* a name is not found, or only within 20 seconds, or some of
                                        its addresses are dead */
    TORC_SIM_CRASHES = 1 << 12,      /* a host that has torc_sim_on_boot crashes; it comes up within
                                        20 seconds */
    TORC_SIM_LOST_DATAGRAMS = 1 << 13,
    TORC_SIM_LATE_DATAGRAMS = 1 << 14,    /* by up to 100 ms: others overtake them */
    TORC_SIM_DOUBLED_DATAGRAMS = 1 << 15, /* and the second comes up to 100 ms later */
    TORC_SIM_ALL_FAULTS = (1 << 16) - 1,
} torc_sim_fault;

/* From now on these may happen, ored; 0: none. What has gone wrong by then stays or heals. */
TORC_API void torc_sim_faults(torc_sim *sim, unsigned faults);

/*
 * On how many of a thousand occasions each does: 5, unless this says otherwise. The first three,
 * which no program should notice, and those of datagrams 20 times as often; crashes a tenth as
 * often.
 */
TORC_API void torc_sim_fault_rate(torc_sim *sim, unsigned per_mille);

/* How often one has happened; TORC_SIM_ALL_FAULTS: any. */
TORC_API size_t torc_sim_fault_count(const torc_sim *sim, unsigned faults);

/* -- raw peers ----------------------------------------------------------------------------- */

/*
 * Somebody outside who connects, and whom the test plays. `endpoint` is as for torc_connect
 * ("tcp:10.0.0.1:80", "tcp:greeter:2000"); without a host ("tcp:9999", "unix:/run/door") it is at
 * torc_sim_server. A name that nobody has fails the test. Freed with the network.
 */
TORC_API torc_sim_peer *torc_sim_dial(torc_sim *sim, const char *endpoint);

/* Takes any number of bytes; they leave as there is room. Once closed: a no-op. */
TORC_API void torc_sim_send(torc_sim_peer *peer, const char *text);
TORC_API void torc_sim_send_bytes(torc_sim_peer *peer, torc_slice bytes);
TORC_API void torc_sim_close(torc_sim_peer *peer);
TORC_API void torc_sim_close_write(torc_sim_peer *peer); /* its half, after what was sent */
TORC_API void torc_sim_reset(torc_sim_peer *peer);

/* It reads no more, so that what the other side sends queues up there; or reads again. */
TORC_API void torc_sim_stall(torc_sim_peer *peer);
TORC_API void torc_sim_unstall(torc_sim_peer *peer);

/* All that came, since the dialling. Borrowed, until the network runs on. */
TORC_API torc_slice torc_sim_received(const torc_sim_peer *peer);

/* How the peer sees it. */
typedef enum torc_sim_end {
    TORC_SIM_CONNECTING,
    TORC_SIM_OPEN,
    TORC_SIM_ENDED,     /* the other side has closed its half */
    TORC_SIM_CLOSED,    /* by the peer itself */
    TORC_SIM_REFUSED,
    TORC_SIM_RESET,
    TORC_SIM_TIMED_OUT, /* the other side cannot be reached, or not any more */
} torc_sim_end;

TORC_API torc_sim_end torc_sim_state(const torc_sim_peer *peer);

/* Connected, and neither side has closed. */
TORC_API bool torc_sim_is_open(const torc_sim_peer *peer);

/* -- many seeds ---------------------------------------------------------------------------- */

/*
 * Runs what follows, once for each seed from 1 to `count`, with a fresh network of that seed:
 *
 *     TORC_SIM_FOR_SEEDS(net, 10000) {
 *         torc_sim_faults(net, TORC_SIM_ALL_FAULTS);
 *         ...
 *     }
 *
 * The network is made and freed (as by torc_sim_free) by the loop; what outlives a run is reset by
 * the run itself. Where one fails, one line on stderr names the loop and its seed: however it
 * fails. A body that is left by break, return or a jump has failed. Loops cannot be nested.
 *
 * TORC_SIM_SEED=7 in the environment runs seed 7 alone. With TORC_SIM_SHRINK=1 as well, the run is
 * first repeated with ever fewer of its faults, as long as it still fails; then those that are left
 * are printed, and it fails with them. Each repetition is a process of its own, so that crashes
 * count as well; what they print goes nowhere.
 */
/* NOLINTBEGIN(bugprone-macro-parentheses): a variable that is declared cannot stand in them. */
#define TORC_SIM_FOR_SEEDS(net, count) \
    for (torc_sim *net = torc_sim_first_seed((count), TORC_HERE); net != NULL; \
         net = torc_sim_next_seed(net))
/* NOLINTEND(bugprone-macro-parentheses) */

/* The loop's own: the first network, NULL for a count of 0; and the next, NULL after the last. */
TORC_API torc_sim *torc_sim_first_seed(size_t count, torc_place place);
TORC_API torc_sim *torc_sim_next_seed(torc_sim *sim);

TORC_END_DECLS

#endif /* TORC_TESTING_H */
