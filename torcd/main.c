/*
 * torcd: one daemon, many services. This file is its command line: torcd's own options, the name of
 * a plugin, the plugin's options. What happens then is in daemon.c.
 */
#include "torcd/daemon.h"
#include "torcd/reactors.h"

#include <stdlib.h>
#include <string.h>

#define SETTING(name) offsetof(torcd_settings, name)

static const torcd_option own_options[] = {
    { "help", NULL, TORCD_FLAG, SETTING(help), 0, 0, "say this and end" },
    { "version", NULL, TORCD_FLAG, SETTING(version), 0, 0, "say which version this is and end" },
    { "reactor", "NAME", TORCD_TEXT, SETTING(reactor), 0, 0,
        "the driver of the loop; the best that works here by default" },
    { "help-reactors", NULL, TORCD_FLAG, SETTING(help_reactors), 0, 0,
        "list the drivers, say which of them work here, and end" },
    { "log-file", "FILE", TORCD_TEXT, SETTING(log_file), 0, 0,
        "append the log to FILE, opened anew on SIGHUP and SIGUSR1; stderr by default" },
    { "log-level", "LEVEL", TORCD_TEXT, SETTING(log_level), 0, 0,
        "debug, info, warn, error or critical; info by default" },
    { "no-access-log", NULL, TORCD_FLAG, SETTING(no_access_log), 0, 0,
        "do not log each request" },
    { "grace", "SECONDS", TORCD_SECONDS, SETTING(grace), 0, 0,
        "on SIGTERM and SIGINT, let what is under way go on so long; 10 by default" },
    { NULL, NULL, TORCD_FLAG, 0, 0, 0, NULL },
};

/* Each plugin has --help besides its own options. */
static const torcd_option help_option[] = {
    { "help", NULL, TORCD_FLAG, 0, 0, 0, "say this and end" },
    { NULL, NULL, TORCD_FLAG, 0, 0, 0, NULL },
};

static void print_help(void)
{
    printf("Usage: torcd [OPTION]... PLUGIN [PLUGIN'S OPTION]...\n"
           "Runs a network service in the foreground until SIGTERM or SIGINT.\n\nPlugins:\n");
    for (const torcd_plugin *const *plugin = torcd_plugins; *plugin != NULL; plugin++)
        printf("  %-24s %s\n", (*plugin)->name, (*plugin)->summary);
    printf("\nOptions:\n");
    torcd_options_print(own_options, stdout);
    printf("\n'torcd PLUGIN --help' tells the options of a plugin.\n"
           "Exit status: 0 stopped in order, 1 failed (the log says why), 64 wrong usage.\n");
}

static void print_plugin_help(const torcd_plugin *plugin)
{
    printf("Usage: torcd [OPTION]... %s [PLUGIN'S OPTION]...\n%s\n\nOptions:\n", plugin->name,
        plugin->description);
    torcd_options_print(help_option, stdout);
    torcd_options_print(plugin->options, stdout);
}

static int no_such_plugin(const char *name)
{
    char error[TORCD_ERROR_MAX] = "name what to run; --help tells more. The plugins are:";

    if (name != NULL)
        snprintf(error, sizeof(error), "there is no plugin '%.80s'; the plugins are:", name);
    for (const torcd_plugin *const *plugin = torcd_plugins; *plugin != NULL; plugin++) {
        size_t length = strlen(error);

        snprintf(error + length, sizeof(error) - length, " %s", (*plugin)->name);
    }
    return torcd_usage_error(NULL, error);
}

/* Whether --help stands among the arguments that the plugin's table does not know. */
static bool asks_for_help(char *const *arguments)
{
    for (; *arguments != NULL; arguments++) {
        if (strcmp(*arguments, "--help") == 0)
            return true;
    }
    return false;
}

static int run_plugin(
    const torcd_settings *settings, const torcd_plugin *plugin, char *const *arguments)
{
    char error[TORCD_ERROR_MAX];
    void *values;
    int taken;
    int status;

    if (asks_for_help(arguments)) {
        print_plugin_help(plugin);
        return TORCD_EXIT_OK;
    }
    values = calloc(1, plugin->settings_size);
    if (values == NULL) {
        fputs("torcd: out of memory\n", stderr);
        return TORCD_EXIT_FAILURE;
    }
    taken = torcd_options_read(plugin->options, values, arguments, error);
    if (taken >= 0 && arguments[taken] != NULL) {
        snprintf(error, sizeof(error), "'%.80s' is not expected here; --help lists the options",
            arguments[taken]);
        taken = -1;
    }
    if (taken < 0 || (plugin->check != NULL && !plugin->check(values, error)))
        status = torcd_usage_error(plugin->name, error);
    else
        status = torcd_run(settings, plugin, values);
    free(values);
    return status;
}

int main(int argc, char **argv)
{
    torcd_settings settings = { .grace = 10 * TORC_SECOND };
    const torcd_plugin *plugin;
    char error[TORCD_ERROR_MAX];
    int taken = torcd_options_read(own_options, &settings, argv + (argc > 0), error);
    char *const *rest;

    if (taken < 0)
        return torcd_usage_error(NULL, error);
    if (settings.help) {
        print_help();
        return TORCD_EXIT_OK;
    }
    if (settings.help_reactors) {
        torcd_reactors_print(stdout);
        return TORCD_EXIT_OK;
    }
    if (settings.version) {
        printf("torcd %s\n", torc_version());
        return TORCD_EXIT_OK;
    }
    rest = argv + (argc > 0) + taken;
    plugin = rest[0] != NULL ? torcd_plugin_named(rest[0]) : NULL;
    if (plugin == NULL)
        return no_such_plugin(rest[0]);
    return run_plugin(&settings, plugin, rest + 1);
}
