/*
 * plugin: what torcd can be. Each plugin is one file under torcd/plugins/ that defines one constant
 * torcd_plugin; the table in plugin.c names them all.
 *
 * torcd reads the plugin's options into a zeroed struct of settings, lets it check them, makes the
 * reactor and the log, and calls start. From then on the plugin lives in the reactor's root scope;
 * the daemon stops it through the reactor's shutdown triggers.
 */
#ifndef TORCD_PLUGIN_H
#define TORCD_PLUGIN_H

#include "torcd/options.h"

#include <torc.h>

/* What a plugin gets from the daemon. */
typedef struct torcd_daemon torcd_daemon;

typedef struct torcd_plugin {
    const char *name;
    const char *summary;     /* a line, for `torcd --help` */
    const char *description; /* a paragraph, for `torcd NAME --help` */
    const torcd_option *options;
    size_t settings_size;

    /* Optional: whether the settings make sense together. False with one line in `error`. */
    bool (*check)(const void *settings, char error[TORCD_ERROR_MAX]);

    /*
     * Starts serving. `settings` stay valid until the reactor is gone. A failure ends the daemon:
     * it is logged and the exit status is 1. NULL: under way.
     */
    torc_failure *(*start)(torcd_daemon *torcd, const void *settings);
} torcd_plugin;

/* All plugins, by name; the last is NULL. */
extern const torcd_plugin *const torcd_plugins[];

/* NULL when there is none of that name. */
const torcd_plugin *torcd_plugin_named(const char *name);

/* Whether this build of torcd knows the endpoints tls and ssl. */
bool torcd_has_tls(void);

torc_reactor *torcd_reactor(const torcd_daemon *torcd);

/* What a supervisor may rely on; 64 is EX_USAGE of sysexits.h. */
enum {
    TORCD_EXIT_OK = 0,      /* stopped by SIGTERM or SIGINT, or had only to say something */
    TORCD_EXIT_FAILURE = 1, /* could not start or go on: the log says why */
    TORCD_EXIT_USAGE = 64,  /* the command line is wrong: trying again does not help */
};

/* The status for a failure that ends the daemon. */
int torcd_exit_status(const torc_failure *failure);

/* Whether requests are to be logged one by one (not with --no-access-log). */
bool torcd_wants_access_log(const torcd_daemon *torcd);

/* How long what is under way may go on after SIGTERM. */
torc_time torcd_grace(const torcd_daemon *torcd);

#define TORCD_REOPEN_MAX 8

/*
 * Calls call(argument) when logs are to be opened anew (SIGHUP, SIGUSR1), after the daemon's own.
 * At most TORCD_REOPEN_MAX in a process.
 */
void torcd_on_reopen(torcd_daemon *torcd, torc_call *call, void *argument);

#endif /* TORCD_PLUGIN_H */
