/*
 * modes: the ways in which a story is played.
 */
#ifndef TORC_SCENARIO_MODES_H
#define TORC_SCENARIO_MODES_H

#include "scenario/runner/play.h"

typedef enum torcs_outcome {
    OUTCOME_PASSED,
    OUTCOME_FAILED,
    OUTCOME_SKIPPED, /* the story is not for this mode */
} torcs_outcome;

typedef struct torcs_mode {
    const char *option;    /* "--memory" */
    const char *argument;  /* what the option takes; NULL: nothing */
    const char *summary;

    /* Plays the story; *ret_plays is how many times. Failures are reported. */
    torcs_outcome (*run)(const torcs_story *story, const char *argument, size_t *ret_plays);
} torcs_mode;

/* Ends with an option of NULL. */
extern const torcs_mode modes[];

extern const torcs_carrier memory_carrier;
extern const torcs_carrier live_carrier;
extern const torcs_carrier nginx_carrier;

/* From now on the `number`-th allocation of the library fails, once, within steps of a play. */
void memory_fail_allocation(unsigned number);

/* Whether it has come to that. */
bool memory_has_failed_allocation(void);
void memory_allow_allocations(void);

#endif /* TORC_SCENARIO_MODES_H */
