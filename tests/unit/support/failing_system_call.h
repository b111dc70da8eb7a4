/*
 * failing_system_call: makes chosen system calls of the library fail, with an error that they may
 * really fail with.
 *
 * For one thread at a time. End each test that begins with one of these by allow_system_calls.
 */
#ifndef TORC_TESTS_SUPPORT_FAILING_SYSTEM_CALL_H
#define TORC_TESTS_SUPPORT_FAILING_SYSTEM_CALL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The call after the next `passed` ones fails, once, with the error that stands at `index` in the
 * list of those which that call may give. Where the list is shorter it goes on unharmed.
 */
void fail_system_call_after(unsigned int passed, size_t index);

/* Each call of this name fails with `error`, until allowed again. */
void fail_system_calls_named(const char *name, int error);

/* For a while no call is counted, nor fails. */
void pause_system_call_failures(bool paused);

/* Whether so many calls were made that the chosen one was among them. */
bool a_system_call_was_chosen(void);

/* Whether it failed; and which it was: the name of the chosen call, and the error or 0. */
bool a_system_call_failed(void);
const char *chosen_system_call(void);
int chosen_error(void);

void allow_system_calls(void);

#endif /* TORC_TESTS_SUPPORT_FAILING_SYSTEM_CALL_H */
