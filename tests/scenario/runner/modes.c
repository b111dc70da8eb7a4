/*
 * Each mode makes one play of a story or many, in a temporary directory that goes afterwards. The
 * first play that fails is reported, and is the last.
 */
#include "scenario/runner/modes.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Random cuttings of a story, and places in it where it is cut in two. */
enum { SEEDS = 8, PLACES_MAX = 400, ALLOCATIONS_MAX = 20000 };

/* A family may have no server for this process; then all its stories are live ones. */
static bool is_for_memory(const torcs_story *story)
{
    return !story->only_live && story->family->make != NULL;
}

/* -- a place to play in -------------------------------------------------------------------- */

typedef struct play_stage {
    char folder[64];
    char files[96];
    char root[512];
    char log[96];
    char access_log[96];
    char socket[96];
} play_stage;

static const char *root_word(const torcs_story *story)
{
    static const char name[] = "root=";

    for (size_t i = 0; i < story->server_word_count; i++)
        if (strncmp(story->server_words[i], name, sizeof(name) - 1) == 0)
            return story->server_words[i] + sizeof(name) - 1;
    return NULL;
}

static bool set_up(play_stage *self, const torcs_story *story)
{
    const char *base = getenv("TMPDIR");
    const char *root = root_word(story);

    snprintf(self->folder, sizeof(self->folder), "%s/torc_scenario_XXXXXX",
        base != NULL && strlen(base) < 40 ? base : "/tmp");
    if (mkdtemp(self->folder) == NULL) {
        fprintf(stderr, "torc-scenario: %s: %s\n", self->folder, strerror(errno));
        return false;
    }
    snprintf(self->files, sizeof(self->files), "%s/files", self->folder);
    snprintf(self->log, sizeof(self->log), "%s/log", self->folder);
    snprintf(self->access_log, sizeof(self->access_log), "%s/access", self->folder);
    snprintf(self->socket, sizeof(self->socket), "%s/socket", self->folder);
    snprintf(self->root, sizeof(self->root), "%s%s%s", self->files, root != NULL ? "/" : "",
        root != NULL ? root : "");
    return mkdir(self->files, 0755) == 0 && (root == NULL || mkdir(self->root, 0755) == 0);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void take_down(const play_stage *self)
{
    nftw(self->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* -- plays --------------------------------------------------------------------------------- */

/* What one play differs in from another. */
typedef struct play_terms {
    const torcs_carrier *carrier;
    const char *program;
    torcs_cutting cutting;
    bool lenient;
    char name[128];
} play_terms;

static void name_play(play_terms *self, const char *format, ...) TORC_PRINTF(2, 3);

static void name_play(play_terms *self, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(self->name, sizeof(self->name), format, arguments);
    va_end(arguments);
}

/* Gives whether it passed; *ret_sent is how many bytes were sent. */
static bool play_once(
    const torcs_story *story, const play_stage *stage, const play_terms *terms, size_t *ret_sent)
{
    torcs_play play = {
        .story = story,
        .carrier = terms->carrier,
        .program = terms->program,
        .mode = terms->name,
        .cutting = terms->cutting,
        .lenient = terms->lenient,
        .where = { stage->files, stage->root, stage->access_log, stage->log, stage->socket },
    };
    bool passed;

    play_run(&play);
    passed = !play.failed;
    if (!passed)
        play_report(&play);
    if (ret_sent != NULL)
        *ret_sent = play.sent;
    play_clean(&play);
    return passed;
}

static torcs_outcome outcome_of(bool passed)
{
    return passed ? OUTCOME_PASSED : OUTCOME_FAILED;
}

static torcs_outcome play_as(
    const torcs_story *story, const torcs_carrier *carrier, const char *program, size_t *ret_plays)
{
    play_terms terms = { .carrier = carrier, .program = program };
    play_stage stage;
    bool passed;

    name_play(&terms, "%s", carrier->name);
    if (!set_up(&stage, story))
        return OUTCOME_FAILED;
    passed = play_once(story, &stage, &terms, NULL);
    take_down(&stage);
    *ret_plays = 1;
    return outcome_of(passed);
}

static torcs_outcome run_memory(const torcs_story *story, const char *argument, size_t *ret_plays)
{
    (void)argument;
    if (!is_for_memory(story))
        return OUTCOME_SKIPPED;
    return play_as(story, &memory_carrier, NULL, ret_plays);
}

static torcs_outcome run_live(const torcs_story *story, const char *argument, size_t *ret_plays)
{
    if (story->only_memory || story->family->live == NULL)
        return OUTCOME_SKIPPED;
    return play_as(story, &live_carrier, argument, ret_plays);
}

static torcs_outcome run_foreign(const torcs_story *story, const char *argument, size_t *ret_plays)
{
    if (!story->portable_nginx || story->only_memory || story->family->nginx == NULL)
        return OUTCOME_SKIPPED;
    return play_as(story, &nginx_carrier, argument, ret_plays);
}

/* -- cut everywhere ------------------------------------------------------------------------ */

/* In two, at each place; where there are very many places, at some, spread evenly. */
static bool play_cut_in_two(
    const torcs_story *story, const play_stage *stage, size_t sent, size_t *plays)
{
    play_terms terms = { .carrier = &memory_carrier };
    size_t stride = sent / PLACES_MAX + 1;
    bool passed = true;

    for (size_t at = 1; at < sent && passed; at += stride) {
        terms.cutting.at = at;
        name_play(&terms, "cut behind byte %zu", at);
        passed = play_once(story, stage, &terms, NULL);
        ++*plays;
    }
    return passed;
}

static bool play_cut_at_random(const torcs_story *story, const play_stage *stage, size_t *plays)
{
    play_terms terms = { .carrier = &memory_carrier };
    bool passed = true;

    for (uint64_t seed = 1; seed <= SEEDS && passed; seed++) {
        terms.cutting.seed = seed;
        name_play(&terms, "cut at random, seed %u", (unsigned)seed);
        passed = play_once(story, stage, &terms, NULL);
        ++*plays;
    }
    return passed;
}

/* What the server writes is cut as well: each write is short. */
static bool play_narrow(const torcs_story *story, const play_stage *stage, size_t *plays)
{
    play_terms terms = { .carrier = &memory_carrier, .cutting = { .every = 5, .narrow = 7 } };

    name_play(&terms, "cut into 5 bytes, and answers into 7");
    ++*plays;
    return play_once(story, stage, &terms, NULL);
}

static torcs_outcome run_cut(const torcs_story *story, const char *argument, size_t *ret_plays)
{
    play_terms terms = { .carrier = &memory_carrier, .cutting = { .every = 1 } };
    size_t sent = 0;
    play_stage stage;
    bool passed;

    (void)argument;
    if (!is_for_memory(story) || story->not_cut)
        return OUTCOME_SKIPPED;
    if (!set_up(&stage, story))
        return OUTCOME_FAILED;
    name_play(&terms, "cut at every byte");
    *ret_plays = 1;
    passed = play_once(story, &stage, &terms, &sent) &&
        play_narrow(story, &stage, ret_plays) &&
        play_cut_in_two(story, &stage, sent, ret_plays) &&
        play_cut_at_random(story, &stage, ret_plays);
    take_down(&stage);
    return outcome_of(passed);
}

/* -- allocations --------------------------------------------------------------------------- */

static torcs_outcome run_allocations(
    const torcs_story *story, const char *argument, size_t *ret_plays)
{
    play_terms terms = { .carrier = &memory_carrier, .lenient = true };
    bool passed = true;
    bool failed_one = true;
    play_stage stage;

    (void)argument;
    if (!is_for_memory(story))
        return OUTCOME_SKIPPED;
    if (!set_up(&stage, story))
        return OUTCOME_FAILED;
    for (unsigned number = 0; passed && failed_one && number < ALLOCATIONS_MAX; number++) {
        name_play(&terms, "allocation %u fails", number);
        memory_fail_allocation(number);
        passed = play_once(story, &stage, &terms, NULL);
        failed_one = memory_has_failed_allocation();
        ++*ret_plays;
    }
    memory_allow_allocations();
    take_down(&stage);
    return outcome_of(passed);
}

const torcs_mode modes[] = {
    { "--memory", NULL, "in memory, on a virtual clock (the default)", run_memory },
    { "--cut", NULL, "in memory, with what clients send cut at every byte and at random", run_cut },
    { "--allocations", NULL,
        "in memory, with each allocation failing in turn: no crash, no leak", run_allocations },
    { "--live", "PROGRAM", "on loopback, against PROGRAM (torcd; torc-scenario itself)", run_live },
    { "--foreign", "nginx", "on loopback, against nginx: stories that say 'portable nginx'",
        run_foreign },
    { NULL, NULL, NULL, NULL },
};
