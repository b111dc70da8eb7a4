/*
 * daemon: a run of torcd from its settings to its exit status. main.c fills the settings in from
 * the command line; plugins see the daemon through plugin.h.
 */
#ifndef TORCD_DAEMON_H
#define TORCD_DAEMON_H

#include "torcd/plugin.h"

typedef struct torcd_settings {
    bool help;
    bool help_reactors;
    bool version;
    bool no_access_log;
    const char *reactor;
    const char *log_file;
    const char *log_level;
    int64_t grace;
} torcd_settings;

/* Says `torcd: error` on stderr and gives TORCD_EXIT_USAGE. */
int torcd_usage_error(const char *plugin, const char *error);

/* Runs the plugin until it is stopped; gives the exit status. */
int torcd_run(
    const torcd_settings *settings, const torcd_plugin *plugin, const void *plugin_settings);

#endif /* TORCD_DAEMON_H */
