/*
 * Signals by name. The numbers differ from system to system; names are what people know.
 */
#include <torc/process.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    int number;
} signals[] = {
    { "ABRT", SIGABRT }, { "ALRM", SIGALRM }, { "BUS", SIGBUS },   { "CHLD", SIGCHLD },
    { "CONT", SIGCONT }, { "FPE", SIGFPE },   { "HUP", SIGHUP },   { "ILL", SIGILL },
    { "INT", SIGINT },   { "KILL", SIGKILL }, { "PIPE", SIGPIPE }, { "QUIT", SIGQUIT },
    { "SEGV", SIGSEGV }, { "STOP", SIGSTOP }, { "SYS", SIGSYS },   { "TERM", SIGTERM },
    { "TRAP", SIGTRAP }, { "TSTP", SIGTSTP }, { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU },
    { "URG", SIGURG },   { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "WINCH", SIGWINCH },
    { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
};

int torc_signal_number(const char *name)
{
    char *end;
    long number = strtol(name, &end, 10);

    if (end != name)
        return *end == '\0' && number > 0 && number < NSIG ? (int)number : 0;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (strcasecmp(signals[i].name, name) == 0)
            return signals[i].number;
    return 0;
}
