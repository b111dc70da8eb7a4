/*
 * play: one performance of a story by a carrier (memory, live), and what was seen in it.
 *
 * The carrier has the server and moves bytes; the verbs ask it for more and compare. Everything
 * that happens is noted, so that a failure can be told in time order. The first failure ends a
 * play; `failed` is then true and `failure` says what it was.
 */
#ifndef TORC_SCENARIO_PLAY_H
#define TORC_SCENARIO_PLAY_H

#include "scenario/runner/family.h"

typedef struct torcs_play torcs_play;

typedef enum torcs_client_end {
    CLIENT_OPEN,
    CLIENT_ENDED, /* the server has closed, its half at least */
    CLIENT_RESET,
} torcs_client_end;

typedef struct torcs_client {
    const char *name; /* the story's */
    torcs_bytes received;
    size_t read; /* of `received`: what the story has accounted for */
    torcs_client_end end;
    bool stalled;
    void *carried; /* the carrier's own */
    struct torcs_client *next;
} torcs_client;

/* How a play is cut: what a client sends comes in such pieces. */
typedef struct torcs_cutting {
    size_t every;   /* at most so many bytes at once; 0: any number */
    size_t at;      /* a cut behind so many bytes of all that is sent; 0: none */
    uint64_t seed;  /* pieces of any length, from this seed; 0: none */
    size_t narrow;  /* the server gets rid of so many bytes at a time; 0: any number */
} torcs_cutting;

typedef struct torcs_carrier {
    const char *name; /* as reports say it */

    /* Starts the server. False: the play has failed. */
    bool (*start)(torcs_play *play);

    bool (*connect)(torcs_play *play, torcs_client *client);
    void (*send)(torcs_play *play, torcs_client *client, torc_slice piece);
    void (*close)(torcs_play *play, torcs_client *client);
    void (*close_write)(torcs_play *play, torcs_client *client);
    void (*reset)(torcs_play *play, torcs_client *client);
    void (*stall)(torcs_play *play, torcs_client *client, bool on);
    void (*advance)(torcs_play *play, torc_time time);

    /*
     * Waits until there is more: from `client`, or with NULL in the logs; at most `patience`.
     * False: there will be no more, or it did not come in time.
     */
    bool (*wait)(torcs_play *play, torcs_client *client, torc_time patience);

    /* A line of the log is one that the story expects. Optional. */
    void (*expected_log)(torcs_play *play, torc_slice line);

    torc_time (*now)(const torcs_play *play);

    /* Ends everything and checks what must hold at the end of every story. */
    void (*stop)(torcs_play *play);
} torcs_carrier;

typedef enum torcs_event_kind {
    EVENT_DOES,     /* text: what a client does, or time */
    EVENT_SENDS,
    EVENT_RECEIVES,
    EVENT_SEES,     /* text: the end, a reset */
    EVENT_LOGS,
} torcs_event_kind;

typedef struct torcs_event {
    torc_time time;
    torcs_event_kind kind;
    unsigned line; /* of the story, at which it happened */
    const char *client; /* NULL: the world */
    torcs_bytes bytes;
} torcs_event;

typedef struct torcs_variable {
    const char *name;
    torcs_bytes value;
    struct torcs_variable *next;
} torcs_variable;

struct torcs_play {
    const torcs_story *story;
    const torcs_carrier *carrier;
    const char *program; /* live: what is run */
    const char *mode;    /* for reports, as in "memory, cut behind byte 17" */
    torcs_cutting cutting;
    bool lenient; /* expectations are not looked at */

    torcs_surroundings where;
    void *carried; /* the carrier's own */
    void *memory;  /* the family's verbs' */
    torcs_client *clients;
    torcs_client *current;
    torcs_variable *variables;
    torcs_bytes log;     /* lines */
    size_t log_read;
    size_t sent;   /* bytes, by all clients */
    unsigned line; /* under way */
    uint64_t random;

    torcs_event *events;
    size_t event_count;
    size_t event_size;

    bool failed;
    unsigned failed_line;
    torcs_bytes failure; /* what went wrong, over several lines */
};

/* Plays all of it. The caller has filled in story, carrier, mode, …, and ends by play_clean. */
void play_run(torcs_play *self);
void play_clean(torcs_play *self);

/* Tells the play's failure on stdout, with what happened before it. */
void play_report(const torcs_play *self);

/* -- for verbs and carriers ---------------------------------------------------------------- */

/* Ends the play, if nothing has before. */
void play_fail(torcs_play *self, const char *format, ...) TORC_PRINTF(2, 3);

/* As play_fail: `expected` and `got` differ. Shows both, as lines, from where they do. */
void play_fail_differing(torcs_play *self, torc_slice expected, torc_slice got);

void play_note(
    torcs_play *self, torcs_event_kind kind, const torcs_client *client, torc_slice bytes);

/* What a carrier has got for a client. */
void play_received(torcs_play *self, torcs_client *client, torc_slice bytes);
void play_ended(torcs_play *self, torcs_client *client, torcs_client_end end);

/* A line of a log, without its newline. */
void play_logged(torcs_play *self, torc_slice line);

/* Sends, cut as the play is. */
void play_send(torcs_play *self, torc_slice bytes);

/* What has come and is not accounted for. */
torc_slice play_unread(const torcs_play *self);
void play_take(torcs_play *self, size_t count);

/* Waits for more from the current client; false: none will come. */
bool play_more(torcs_play *self);

/* The next line without its end, which is taken. False: the play has failed. */
bool play_take_line(torcs_play *self, torc_slice *ret_line);

/* How long a live play waits for what it expects. */
#define PLAY_PATIENCE (20 * TORC_SECOND)

/* What a text is now, with the values of its variables; good until bytes_free. */
void text_expand(torcs_play *self, const torcs_text_item *text, torcs_bytes *result);
void play_set(torcs_play *self, const char *name, torc_slice value);

/* Each item of a text followed by `end`. */
void text_expand_lines(
    torcs_play *self, const torcs_text_item *text, const char *end, torcs_bytes *result);

#endif /* TORC_SCENARIO_PLAY_H */
