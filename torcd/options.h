/*
 * options: a command line read by a table.
 *
 * torcd and each plugin say in a table which options they have: a name, what kind of value follows,
 * where it is stored, and a line of help. One reader serves them all, so that every mistake gets
 * the same kind of answer: one line that names the option, what is wrong and what would be right.
 *
 * Values are stored in a struct of the table's owner, whose members have the types that the kinds
 * below name. Texts point into the command line.
 */
#ifndef TORCD_OPTIONS_H
#define TORCD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum torcd_kind {
    TORCD_FLAG,    /* bool: no value follows */
    TORCD_TEXT,    /* const char * */
    TORCD_NUMBER,  /* int64_t, within minimum and maximum */
    TORCD_SIZE,    /* int64_t, in bytes: 512, 64K, 16M, 1G */
    TORCD_SECONDS, /* int64_t, in nanoseconds: 10, 0.5 */
    TORCD_TEXTS,   /* torcd_texts: the option may be repeated */
} torcd_kind;

#define TORCD_TEXTS_MAX 32

typedef struct torcd_texts {
    const char *items[TORCD_TEXTS_MAX];
    size_t count;
} torcd_texts;

typedef struct torcd_option {
    const char *name;  /* "port", given as --port N or --port=N; NULL ends a table */
    const char *value; /* what the help calls the value; NULL for a flag */
    torcd_kind kind;
    size_t offset;     /* of the member in the struct of values */
    int64_t minimum;   /* in the unit of the member; both 0: any that is not negative */
    int64_t maximum;
    const char *help;
} torcd_option;

#define TORCD_ERROR_MAX 512

/*
 * Reads options from arguments[0] on, up to the first argument that is no option, or past "--".
 * Gives how many arguments were read, or -1 with one line in `error`.
 */
int torcd_options_read(const torcd_option *options, void *values, char *const *arguments,
    char error[TORCD_ERROR_MAX]);

/* The table as it stands in --help: a line an option, its help in a column. */
void torcd_options_print(const torcd_option *options, FILE *file);

#endif /* TORCD_OPTIONS_H */
