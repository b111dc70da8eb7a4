/*
 * fail: how a test is made to fail, by way of the function that torc_testing_set_fail was given.
 *
 * That function may jump out of the test. So whoever finds something wrong writes it into a report,
 * puts everything in order, and fails as the very last thing it does.
 */
#ifndef TORC_TESTING_FAIL_H
#define TORC_TESTING_FAIL_H

#include <torc/slice.h>

#include <stdbool.h>

/* What is wrong, a line each. Zeroed: nothing. On the stack: a jump then leaves nothing behind. */
typedef struct torc__report {
    size_t length;
    size_t lines;
    char text[8000];
} torc__report;

/* Adds a line, as printf; what does not fit is cut. */
void torc__report_add(torc__report *report, const char *format, ...) TORC_PRINTF(2, 3);

/* Fails the test if anything was reported. May not return. */
void torc__report_fail(const torc__report *report);

/* Called before a test is failed, so that it is known which one; NULL takes it away. */
void torc__set_failing_hook(void (*hook)(void));

/*
 * Memory of the kit's own, apart from torc__allocate: it is neither counted as the test's nor
 * refused by a hook that makes allocations fail. Ends the process when there is none.
 */
void *torc__testing_allocate(size_t size);
void *torc__testing_reallocate(void *block, size_t size);
void torc__testing_release(void *block);

#endif /* TORC_TESTING_FAIL_H */
