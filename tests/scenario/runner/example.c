/*
 * The family example: the example programs, each a server on the endpoint that its first argument
 * names. It plays live only: `--live build/examples`, the folder that they are in.
 */
#include "scenario/runner/family.h"

#include <stdlib.h>

typedef struct example_settings {
    const char *program;
} example_settings;

static const torcs_option example_options[] = {
    { "program", OPTION_WORD, offsetof(example_settings, program), NULL,
        "which one, as in program=echo" },
    { NULL, OPTION_FLAG, 0, NULL, NULL },
};

static const torcs_verb example_verbs[] = {
    { NULL, NULL, VERB_ACTS, false, NULL, NULL },
};

static void example_live(const void *settings, const torcs_surroundings *where,
    const char *program, torcs_command *command)
{
    const example_settings *example = settings;

    (void)where;
    command_printf(
        command, "%s/%s", program, example->program != NULL ? example->program : "echo");
    command_add(command, "tcp:0:interface=127.0.0.1");
}

/* The library's own line, which every program has. */
static uint16_t example_find_port(const char *log)
{
    static const char mark[] = " starting on 127.0.0.1:";
    const char *found = strstr(log, mark);

    return found != NULL && strchr(found, '\n') != NULL
        ? (uint16_t)strtoul(found + sizeof(mark) - 1, NULL, 10) : 0;
}

extern const torcs_family example_family;

const torcs_family example_family = {
    .name = "example",
    .summary = "the example programs, live",
    .settings_size = sizeof(example_settings),
    .options = example_options,
    .verbs = example_verbs,
    .live = example_live,
    .find_port = example_find_port,
};
