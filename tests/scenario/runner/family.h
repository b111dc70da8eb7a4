/*
 * family: what a protocol family adds to stories: its server and its verbs. A new family is a file
 * with one of these, named in families.c.
 */
#ifndef TORC_SCENARIO_FAMILY_H
#define TORC_SCENARIO_FAMILY_H

#include "scenario/runner/story.h"

#include <torc/protocol.h>
#include <torc/reactor.h>

typedef enum torcs_option_kind {
    OPTION_FLAG,   /* a bare word */
    OPTION_NUMBER, /* name=12; into a size_t */
    OPTION_TIME,   /* name=5s; into a torc_time */
    OPTION_WORD,   /* name=text; into a const char * */
} torcs_option_kind;

/* What may stand behind `server FAMILY`. */
typedef struct torcs_option {
    const char *name; /* NULL ends the table */
    torcs_option_kind kind;
    size_t offset;    /* in the family's settings */
    const char *flag; /* of the live program, for the same thing; NULL: none */
    const char *summary;
} torcs_option;

/* Where a server is to live. */
typedef struct torcs_surroundings {
    const char *folder;     /* the play's own; `root` is below it, or is it */
    const char *root;       /* where fixtures are made */
    const char *access_log; /* a file that a server may write */
    const char *log;        /* where a live program's log goes */
    const char *socket;     /* where a foreign server listens */
} torcs_surroundings;

/* A command's arguments, for execvp. */
enum { COMMAND_MAX = 40 };

typedef struct torcs_command {
    const char *words[COMMAND_MAX + 1];
    size_t count;
    char text[4096]; /* where words that are made up lie */
    size_t text_length;
} torcs_command;

void command_add(torcs_command *self, const char *word);
void command_printf(torcs_command *self, const char *format, ...) TORC_PRINTF(2, 3);

typedef struct torcs_family {
    const char *name;
    const char *summary;
    size_t settings_size;
    const torcs_option *options;
    const torcs_verb *verbs; /* ends with a name of NULL */

    /* What the family's verbs remember during a play; zeroed. `forget` may be NULL. */
    size_t memory_size;
    void (*forget)(void *memory);

    /*
     * A factory of the server under test, whose parts live no longer than it. NULL, with `error`.
     * What else is started is started in `scope`. The function is NULL where there are live
     * servers only.
     */
    torc_factory *(*make)(const void *settings, const torcs_surroundings *where, torc_scope *scope,
        torcs_bytes *error);

    /* Has the server write its logs; optional. */
    void (*flush_logs)(void);

    /* The live server: adds `program`, as the user named it, and its arguments to `command`. */
    void (*live)(const void *settings, const torcs_surroundings *where, const char *program,
        torcs_command *command);

    /* Finds the port in what the program has logged; 0: it is not there yet. */
    uint16_t (*find_port)(const char *log);

    /* nginx as this server: writes its configuration. NULL: the family has none. */
    bool (*nginx)(const void *settings, const torcs_surroundings *where,
        torcs_bytes *configuration);
} torcs_family;

/* NULL beyond the last. */
const torcs_family *family_at(size_t index);
const torcs_family *family_named(torc_slice name);

/* NULL when neither the common table nor the family's has it. */
const torcs_verb *verb_named(const torcs_family *family, torc_slice name);
extern const torcs_verb common_verbs[];

/* Fills `settings`, of family->settings_size, in from the words. False, with `error` filled in. */
bool family_configure(const torcs_family *family, const char *const *words, size_t count,
    void *settings, torcs_bytes *error);

/* Adds the flags of the live program that say the same as the words. */
void family_add_flags(const torcs_family *family, const void *settings, torcs_command *command);

#endif /* TORC_SCENARIO_FAMILY_H */
