/*
 * The daemon's life: the log, the reactor, the signals, the plugin, the loop. Whatever can fail
 * does so before the loop runs, with one line that says what to do.
 */
#include "torcd/daemon.h"

#ifdef TORCD_HAS_TLS
# include <torc/tls.h>
#endif

#include <signal.h>
#include <string.h>

#define STALL_LIMIT (500 * TORC_MILLISECOND)

struct torcd_daemon {
    const torcd_settings *settings;
    torc_reactor *reactor;
    struct {
        torc_call *call;
        void *argument;
    } reopen[TORCD_REOPEN_MAX];
    size_t reopen_count;
};

torc_reactor *torcd_reactor(const torcd_daemon *torcd)
{
    return torcd->reactor;
}

bool torcd_wants_access_log(const torcd_daemon *torcd)
{
    return !torcd->settings->no_access_log;
}

torc_time torcd_grace(const torcd_daemon *torcd)
{
    return torcd->settings->grace;
}

void torcd_on_reopen(torcd_daemon *torcd, torc_call *call, void *argument)
{
    if (torcd->reopen_count == TORCD_REOPEN_MAX)
        return;
    torcd->reopen[torcd->reopen_count].call = call;
    torcd->reopen[torcd->reopen_count].argument = argument;
    torcd->reopen_count++;
}

int torcd_usage_error(const char *plugin, const char *error)
{
    fprintf(
        stderr, "torcd%s%s: %s\n", plugin != NULL ? " " : "", plugin != NULL ? plugin : "", error);
    return TORCD_EXIT_USAGE;
}

int torcd_exit_status(const torc_failure *failure)
{
    return torc_failure_is(failure, &torc_error_invalid_argument)
        ? TORCD_EXIT_USAGE : TORCD_EXIT_FAILURE;
}

/* Logs the failure, releases it, and gives the exit status for it. */
static int give_up(const char *what, torc_failure *failure)
{
    int status = torcd_exit_status(failure);

    if (what != NULL)
        torc_log_error("%s: %s", what, torc_failure_text(failure));
    else
        torc_log_error("%s", torc_failure_text(failure));
    torc_failure_release(failure);
    return status;
}

static void reopen_logs(void *argument)
{
    torcd_daemon *torcd = argument;

    if (torcd->settings->log_file != NULL) {
        torc_failure *failure = torc_log_reopen();

        if (failure != NULL)
            give_up("reopening the log", failure);
    }
#ifdef TORCD_HAS_TLS
    torc_tls_reload_all();
#endif
    for (size_t i = 0; i < torcd->reopen_count; i++)
        torcd->reopen[i].call(torcd->reopen[i].argument);
    torc_log_info("logs opened anew");
}

static int open_log(const torcd_settings *settings)
{
    torc_log_level level = TORC_LOG_INFO;
    torc_failure *failure;

    if (settings->log_level != NULL && !torc_log_level_parse(settings->log_level, &level))
        return torcd_usage_error(NULL,
            "--log-level knows debug, info, warn, error and critical; give one of them");
    torc_log_set_level(level);
    if (settings->log_file == NULL)
        return TORCD_EXIT_OK;
    failure = torc_log_to_path(settings->log_file);
    return failure != NULL ? give_up("--log-file", failure) : TORCD_EXIT_OK;
}

/* NULL when there is no such driver, or it does not work; then the user has been told. */
static torc_reactor *make_reactor(const char *name)
{
    torc_failure *failure = NULL;
    torc_reactor *reactor;
    char error[TORCD_ERROR_MAX];

    if (name == NULL)
        return torc_reactor_new();
    reactor = torc_reactor_new_named(name, &failure);
    if (reactor != NULL)
        return reactor;
    snprintf(error, sizeof(error), "--reactor: %s; --help-reactors says which work here",
        torc_failure_text(failure));
    torc_failure_release(failure);
    torcd_usage_error(NULL, error);
    return NULL;
}

static int start(torcd_daemon *torcd, const torcd_plugin *plugin, const void *plugin_settings)
{
    static const int reopening[] = { SIGHUP, SIGUSR1 };
    torc_scope *root = torc_root(torcd->reactor);
    torc_failure *failure;

    for (size_t i = 0; i < sizeof(reopening) / sizeof(reopening[0]); i++) {
        failure = torc_on_signal(root, reopening[i], reopen_logs, torcd);
        if (failure != NULL)
            return give_up("catching a signal", failure);
    }
    failure = plugin->start(torcd, plugin_settings);
    return failure != NULL ? give_up(NULL, failure) : TORCD_EXIT_OK;
}

bool torcd_has_tls(void)
{
#ifdef TORCD_HAS_TLS
    return true;
#else
    return false;
#endif
}

int torcd_run(
    const torcd_settings *settings, const torcd_plugin *plugin, const void *plugin_settings)
{
    torcd_daemon torcd = { .settings = settings };
    int status = open_log(settings);

    if (status != TORCD_EXIT_OK)
        return status;
#ifdef TORCD_HAS_TLS
    torc_tls_use();
#endif
    torcd.reactor = make_reactor(settings->reactor);
    if (torcd.reactor == NULL)
        return TORCD_EXIT_USAGE;
    torc_set_stall_limit(torcd.reactor, STALL_LIMIT);
    status = start(&torcd, plugin, plugin_settings);
    if (status != TORCD_EXIT_OK) {
        torc_reactor_free(torcd.reactor);
        return status;
    }
    status = torc_run(torcd.reactor);
    torc_log_info("stopped");
    return status;
}
