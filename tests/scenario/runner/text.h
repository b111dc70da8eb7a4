/*
 * text: what a story writes in quotes, as in C, and patterns between slashes.
 *
 *     "GET /" "a" * 9000 " HTTP/1.1\r\nHost: \{host}\r\n"
 *
 * Escapes: \r \n \t \0 \\ \" \xHH, and \{NAME}, which is a variable's value when it is played.
 */
#ifndef TORC_SCENARIO_TEXT_H
#define TORC_SCENARIO_TEXT_H

#include "scenario/runner/story.h"

/*
 * Each takes what it reads off the front of *rest. NULL, with `error` filled in, when that is not
 * what it should be.
 */
torcs_text_item *text_read(torcs_story *story, torc_slice *rest, torcs_bytes *error);
torcs_pattern *pattern_read(torcs_story *story, torc_slice *rest, torcs_bytes *error);
torcs_text_item *hex_read(torcs_story *story, torc_slice *rest, torcs_bytes *error);

/* A line of a here-document: escapes as above, no quotes. `item` gets its parts. False: `error`. */
bool text_read_line(torcs_story *story, torcs_text_item *item, torc_slice line, torcs_bytes *error);

/* Whether the line fits the pattern, anywhere in it. */
bool pattern_fits(const torcs_pattern *self, torc_slice line);

#endif /* TORC_SCENARIO_TEXT_H */
