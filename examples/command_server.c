/*
 * command_server: a line protocol on TCP port 9999 that serves at most two clients at once.
 *
 *   lastlog          the last ten lines of the system log, from a child process
 *   comphash PATH    the SHA-1 of a file, computed in a worker thread
 *   exit             close the connection
 *
 *     build/examples/command_server tcp:9001 /var/log/messages
 */
#include <torc.h>
#include <torc/line.h>
#include <torc/process.h>

#include "sha1_of_file.h"

enum { CLIENTS_MAX = 2 };

typedef struct command {
    torc_line_receiver lines; /* first member: a command is a line receiver is a protocol */
    bool counted;
} command;

static size_t clients;
static const char *system_log = "/var/log/syslog";

/* -- lastlog ------------------------------------------------------------------------------- */

static torc_result send_output(void *self, torc_result output)
{
    torc_printf(self, "Begin lastlog\n%.*sEnd lastlog\n", TORC_FMT(torc_result_slice(output)));
    return torc_nothing();
}

static torc_result send_error(void *self, torc_result failed)
{
    torc_printf(self, "An error occurred: %s\n", torc_failure_text(torc_result_failure(failed)));
    return torc_nothing();
}

static void lastlog(command *self)
{
    const char *const tail[] = { "tail", "-n", "10", system_log, NULL };
    torc_deferred *output = torc_process_output(torc_scope_of(self), tail);

    torc_add_callbacks(output, send_output, send_error, self);
}

/* -- comphash ------------------------------------------------------------------------------ */

static torc_result send_hash(void *self, torc_result hash)
{
    torc_printf(self, "File hash is : %s\n", torc_result_text(hash));
    return torc_nothing();
}

static void comphash(command *self, torc_slice path)
{
    torc_deferred *hash =
        torc_defer_to_thread(torc_scope_of(self), sha1_of_file, torc_slice_dup(path));

    torc_add_callbacks(hash, send_hash, send_error, self);
} /* the client leaves early: its scope ends, the callbacks never run, nothing dangles */

/* -- the protocol -------------------------------------------------------------------------- */

static void command_made(torc_protocol *protocol)
{
    command *self = torc_of(protocol, command);

    if (clients == CLIENTS_MAX) {
        torc_log_info("too many connections");
        torc_lose_connection(protocol->transport);
        return;
    }
    self->counted = true;
    clients++;
}

static void command_line(torc_line_receiver *lines, torc_slice line)
{
    command *self = torc_of(lines, command);
    torc_slice word = torc_next_word(&line);

    torc_log_info("command received: %.*s", TORC_FMT(word));
    if (torc_slice_is(word, "lastlog"))
        lastlog(self);
    else if (torc_slice_is(word, "comphash"))
        comphash(self, line);
    else if (torc_slice_is(word, "exit"))
        torc_lose_connection(lines->protocol.transport);
    else
        torc_printf(self, "Command not found.\n");
}

static void command_lost(torc_protocol *protocol, const torc_failure *reason)
{
    (void)reason;
    clients -= torc_of(protocol, command)->counted;
} /* the engine ends the protocol's scope, then frees the protocol */

static const torc_line_class command_class = {
    .protocol = {
        .name = "CmdProtocol",
        .size = sizeof(command),
        .connection_made = command_made,
        .connection_lost = command_lost,
    },
    .delimiter = "\n",
    .line_received = command_line,
};

int main(int count, char **arguments)
{
    torc_reactor *reactor = torc_reactor_new();

    if (count > 2)
        system_log = arguments[2];
    torc_log_to_file(stdout);
    torc_listen(torc_root(reactor), count > 1 ? arguments[1] : "tcp:9999",
        torc_line_factory(&command_class));
    return torc_run(reactor);
}
