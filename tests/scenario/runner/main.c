/*
 * torc-scenario: plays stories. docs/scenarios.md tells how they are written.
 *
 *     torc-scenario [--memory|--cut|--allocations|--live PROGRAM|--foreign nginx] FILE|FOLDER...
 *
 * Exit status: 0 all that were played passed, 1 some failed, 2 wrong usage, 77 none was played.
 */
#include "scenario/runner/modes.h"
#include "scenario/runner/serve.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_SKIPPED = 77 };

typedef struct totals {
    size_t passed;
    size_t failed;
    size_t skipped;
    size_t plays;
} totals;

/* -- dying words --------------------------------------------------------------------------- */

static char dying_words[1024];

/* What a crash was in is the first thing that one wants to know. */
static void on_crash(int number)
{
    ssize_t ignored = write(STDERR_FILENO, dying_words, strlen(dying_words));

    (void)ignored;
    signal(number, SIG_DFL);
    raise(number);
}

/* -- playing ------------------------------------------------------------------------------- */

static void play_file(const char *path, const torcs_mode *mode, const char *argument, totals *all)
{
    torcs_story *story = story_read(path);
    size_t plays = 0;

    if (story == NULL) {
        all->failed++;
        return;
    }
    snprintf(dying_words, sizeof(dying_words), "torc-scenario: died in %s (%s)\n", path,
        mode->option);
    switch (mode->run(story, argument, &plays)) {
    case OUTCOME_PASSED:
        printf("passed  %s (%zu plays)\n", path, plays);
        all->passed++;
        break;
    case OUTCOME_FAILED:
        all->failed++;
        break;
    case OUTCOME_SKIPPED:
        all->skipped++;
        break;
    }
    all->plays += plays;
    fflush(stdout);
    story_free(story);
}

static int is_story(const struct dirent *entry)
{
    return torc_slice_ends_with(torc_slice_of(entry->d_name), TORC_SLICE(".torcs"));
}

static bool play_folder(const char *path, const torcs_mode *mode, const char *argument, totals *all)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_story, alphasort);
    char file[4096];

    if (count < 0) {
        perror(path);
        return false;
    }
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        play_file(file, mode, argument, all);
        free(entries[i]);
    }
    free(entries);
    return count > 0;
}

static int play_all(
    char *const *paths, const torcs_mode *mode, const char *argument)
{
    totals all = { 0, 0, 0, 0 };
    struct stat status;

    for (; *paths != NULL; paths++) {
        if (stat(*paths, &status) == 0 && S_ISDIR(status.st_mode)) {
            if (!play_folder(*paths, mode, argument, &all))
                return EXIT_USAGE;
        } else {
            play_file(*paths, mode, argument, &all);
        }
    }
    printf("%zu passed, %zu failed, %zu not for %s; %zu plays\n", all.passed, all.failed,
        all.skipped, mode->option, all.plays);
    if (all.failed > 0)
        return EXIT_FAILURE;
    return all.passed > 0 ? EXIT_SUCCESS : EXIT_SKIPPED;
}

/* -- the command line ---------------------------------------------------------------------- */

static int usage(void)
{
    fputs("Usage: torc-scenario [MODE] FILE|FOLDER...\n"
          "Plays stories (FOLDER: all .torcs in it) in one of these modes:\n", stderr);
    for (const torcs_mode *mode = modes; mode->option != NULL; mode++)
        fprintf(stderr, "  %-13s %-8s %s\n", mode->option,
            mode->argument != NULL ? mode->argument : "", mode->summary);
    fputs("  --verbs                lists what may stand in a story\n", stderr);
    return EXIT_USAGE;
}

static void list_verbs(const torcs_verb *verb)
{
    for (; verb->name != NULL; verb++)
        printf("  %-15s %s\n", verb->name, verb->summary);
}

static int list_all(void)
{
    puts("Every story:");
    list_verbs(common_verbs);
    for (size_t i = 0; family_at(i) != NULL; i++) {
        const torcs_family *family = family_at(i);

        printf("\nserver %s (%s), with options:\n", family->name, family->summary);
        for (const torcs_option *option = family->options; option->name != NULL; option++)
            printf("  %-15s %s\n", option->name, option->summary);
        if (family->verbs->name != NULL)
            puts("and verbs:");
        list_verbs(family->verbs);
    }
    return EXIT_SUCCESS;
}

static const torcs_mode *mode_named(const char *option)
{
    const torcs_mode *mode = modes;

    while (mode->option != NULL && strcmp(option, mode->option) != 0)
        mode++;
    return mode->option != NULL ? mode : NULL;
}

static bool is_installed(const char *program)
{
    char command[256];

    if (strchr(program, '/') != NULL)
        return access(program, X_OK) == 0;
    snprintf(command, sizeof(command), "command -v '%s' >/dev/null 2>&1", program);
    return strchr(program, '\'') == NULL && system(command) == 0;
}

int main(int argc, char **argv)
{
    const torcs_mode *mode = &modes[0];
    const char *argument = NULL;
    char *const *rest = argv + (argc > 0);

    if (*rest != NULL && strcmp(*rest, "--verbs") == 0)
        return list_all();
    if (*rest != NULL && strcmp(*rest, "--serve") == 0)
        return serve((const char *const *)rest + 1, (size_t)argc - 2);
    if (*rest != NULL && strncmp(*rest, "--", 2) == 0) {
        mode = mode_named(*rest++);
        if (mode == NULL || (mode->argument != NULL && *rest == NULL))
            return usage();
        if (mode->argument != NULL)
            argument = *rest++;
    }
    if (*rest == NULL)
        return usage();
    if (argument != NULL && !is_installed(argument)) {
        printf("skipped: there is no program %s\n", argument);
        return EXIT_SKIPPED;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    return play_all(rest, mode, argument);
}
