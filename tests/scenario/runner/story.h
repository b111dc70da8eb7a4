/*
 * story: a scenario script as it was read: which server, and the steps of a conversation with it.
 *
 * A step is a verb and its arguments. Verbs come from tables: the common one (verbs.c) and the
 * family's. The table says which arguments a verb takes, so the parser knows no verb by name but
 * those that are not played: server, only, not, portable, repeat, end.
 *
 * What belongs to a story is allocated in its blocks and goes with it.
 */
#ifndef TORC_SCENARIO_STORY_H
#define TORC_SCENARIO_STORY_H

#include "scenario/runner/bytes.h"

#include <torc/time.h>

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct torcs_story torcs_story;
typedef struct torcs_step torcs_step;
struct torcs_play;
struct torcs_family;

/* -- texts and patterns -------------------------------------------------------------------- */

/* Bytes, or the name of a variable whose value stands here when the step is played. */
typedef struct torcs_text_part {
    torc_slice bytes;
    const char *variable; /* NULL: `bytes` */
    struct torcs_text_part *next;
} torcs_text_part;

/* What stood between two quotes, and how many times it is meant. */
typedef struct torcs_text_item {
    torcs_text_part *parts;
    uint64_t count;
    struct torcs_text_item *next;
} torcs_text_item;

typedef struct torcs_pattern {
    regex_t regex;
    const char *source;
    struct torcs_pattern *next; /* the story's next one */
} torcs_pattern;

/* -- verbs --------------------------------------------------------------------------------- */

typedef enum torcs_verb_role {
    VERB_ACTS,    /* does something to the world: is played in every mode */
    VERB_EXPECTS, /* looks at what came: not played while allocations fail */
} torcs_verb_role;

typedef struct torcs_verb {
    const char *name;
    /*
     * A letter for each argument: w word, n number, d duration, t text up to the line's end (or
     * a here-document), p pattern, x bytes in hex up to the line's end. Those behind '?' may be
     * left out.
     */
    const char *arguments;
    torcs_verb_role role;
    bool needs_client;
    void (*run)(struct torcs_play *play, const torcs_step *step);
    const char *summary; /* for --verbs */
} torcs_verb;

enum { ARGUMENTS_MAX = 3 };

typedef struct torcs_argument {
    const char *word;
    uint64_t number;
    torc_time time;
    const torcs_text_item *text;
    const torcs_pattern *pattern;
} torcs_argument;

struct torcs_step {
    const torcs_verb *verb;
    unsigned line;
    size_t count; /* of arguments that are there */
    torcs_argument arguments[ARGUMENTS_MAX];
};

/* -- the story ----------------------------------------------------------------------------- */

enum { SERVER_WORDS_MAX = 16 };

struct torcs_story {
    const char *path;
    const struct torcs_family *family;
    const char *server_words[SERVER_WORDS_MAX]; /* behind the family's name */
    size_t server_word_count;
    unsigned server_line;
    bool only_memory;
    bool only_live;
    bool not_cut;
    bool portable_nginx;
    torcs_step *steps;
    size_t step_count;
    size_t step_size;
    torcs_pattern *patterns;
    struct story_block *blocks;
};

/*
 * Reads the file `path`. NULL, after one line on stderr, FILE:LINE: WHAT, when it is no story.
 */
torcs_story *story_read(const char *path);

void story_free(torcs_story *self);

/* Zeroed memory that goes with the story. */
void *story_claim(torcs_story *self, size_t size);

/* A copy with a NUL behind it. */
char *story_copy(torcs_story *self, torc_slice bytes);

/* "250ms", "5s", "5m", "1h". */
bool duration_parse(torc_slice text, torc_time *ret_time);

#endif /* TORC_SCENARIO_STORY_H */
