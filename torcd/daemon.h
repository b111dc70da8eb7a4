/*
 * daemon: a run of torcd from its settings to its exit status. main.c fills the settings in from
 * the command line; plugins see the daemon through plugin.h.
 */
#ifndef TORCD_DAEMON_H
#define TORCD_DAEMON_H

#include "torcd/plugin.h"

typedef struct torcd_settings {
    bool help;
    bool version;
    bool no_access_log;
    const char *reactor;
    const char *log_file;
    const char *log_level;
    int64_t grace;
} torcd_settings;

/* What a supervisor may rely on; 64 is EX_USAGE of sysexits.h. */
enum {
    TORCD_EXIT_OK = 0,      /* stopped by SIGTERM or SIGINT, or had only to say something */
    TORCD_EXIT_FAILURE = 1, /* could not start or go on: the log says why */
    TORCD_EXIT_USAGE = 64,  /* the command line is wrong: trying again does not help */
};

/* Says `torcd: error` on stderr and gives TORCD_EXIT_USAGE. */
int torcd_usage_error(const char *plugin, const char *error);

/* Runs the plugin until it is stopped; gives the exit status. */
int torcd_run(
    const torcd_settings *settings, const torcd_plugin *plugin, const void *plugin_settings);

#endif /* TORCD_DAEMON_H */
