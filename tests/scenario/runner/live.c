/*
 * The carrier of live plays: a server in a process of its own, and sockets. The server is the
 * family's program, or nginx.
 *
 * Nothing here waits without a bound: a server that does not do what is waited for in
 * PLAY_PATIENCE fails the play.
 */
#include "scenario/runner/modes.h"
#include "scenario/runner/play.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define GLANCE (5 * TORC_MILLISECOND)

typedef struct live_server {
    pid_t server;
    struct sockaddr_storage address;
    socklen_t address_length;
    torc_time started;
    size_t log_taken; /* of the log's file */
    torcs_bytes said;       /* the log's file */
    torcs_bytes accessed;   /* the access log's file */
    size_t access_taken;
} live_server;

static live_server *live_of(const torcs_play *play)
{
    return play->carried;
}

static int socket_of(const torcs_client *client)
{
    return (int)(intptr_t)client->carried - 1;
}

static void rest_a_moment(void)
{
    poll(NULL, 0, (int)(GLANCE / TORC_MILLISECOND));
}

/* -- files that the server writes ---------------------------------------------------------- */

static void read_again(const char *path, torcs_bytes *content)
{
    FILE *file = fopen(path, "re");
    char piece[4096];
    size_t length;

    bytes_clear(content);
    bytes_add_text(content, "");
    if (file == NULL)
        return;
    while ((length = fread(piece, 1, sizeof(piece), file)) > 0)
        bytes_add(content, torc_slice_make(piece, length));
    fclose(file);
}

/* Notes the whole lines behind the first *taken bytes. Gives whether there were any. */
static bool note_lines(torcs_play *play, const torcs_bytes *content, size_t *taken)
{
    bool any = false;

    for (;;) {
        torc_slice rest = torc_slice_skip(bytes_slice(content), *taken);
        size_t length = torc_slice_find_byte(rest, '\n');

        if (length == rest.length)
            return any;
        play_logged(play, torc_slice_first(rest, length));
        *taken += length + 1;
        any = true;
    }
}

static bool read_logs(torcs_play *play)
{
    live_server *self = live_of(play);
    bool said;

    read_again(play->where.log, &self->said);
    read_again(play->where.access_log, &self->accessed);
    said = note_lines(play, &self->said, &self->log_taken);
    return note_lines(play, &self->accessed, &self->access_taken) || said;
}

/* -- the server ---------------------------------------------------------------------------- */

static bool launch(torcs_play *play, const torcs_command *command)
{
    char *words[COMMAND_MAX + 1];
    int output = open(play->where.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    for (size_t i = 0; i <= command->count; i++)
        words[i] = i < command->count ? (char *)(uintptr_t)command->words[i] : NULL;
    fflush(stdout);
    live_of(play)->server = fork();
    if (live_of(play)->server == 0) {
        dup2(output, STDERR_FILENO);
        dup2(output, STDOUT_FILENO);
        execvp(words[0], words);
        perror(words[0]);
        _exit(127);
    }
    close(output);
    return live_of(play)->server > 0;
}

static bool has_ended(const live_server *self)
{
    siginfo_t info = { .si_pid = 0 };

    return waitid(P_PID, (id_t)self->server, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == self->server;
}

static void set_port(live_server *self, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(&self->address, &address, sizeof(address));
    self->address_length = sizeof(address);
}

static void set_path(live_server *self, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    memcpy(&self->address, &address, sizeof(address));
    self->address_length = sizeof(address);
}

/* Waits until the server listens. */
static bool wait_for_start(torcs_play *play, bool (*listens)(torcs_play *play))
{
    live_server *self = live_of(play);
    torc_time until = torc_monotonic_now() + PLAY_PATIENCE;

    while (!listens(play)) {
        if (has_ended(self) || torc_monotonic_now() > until) {
            read_logs(play);
            play_fail(play, "the server %s", has_ended(self) ? "has ended" : "does not listen");
            return false;
        }
        rest_a_moment();
    }
    return true;
}

static void *configure(torcs_play *play)
{
    const torcs_story *story = play->story;
    torcs_bytes error = { NULL, 0, 0 };
    void *settings = claim(story->family->settings_size);

    /* It has been looked at when the story was read. */
    family_configure(
        story->family, story->server_words, story->server_word_count, settings, &error);
    bytes_free(&error);
    return settings;
}

static void begin(torcs_play *play)
{
    live_server *self = claim(sizeof(*self));

    play->carried = self;
    self->started = torc_monotonic_now();
    unlink(play->where.log);
    unlink(play->where.access_log);
}

static bool port_is_known(torcs_play *play)
{
    uint16_t port;

    read_again(play->where.log, &live_of(play)->said);
    port = play->story->family->find_port(bytes_text(&live_of(play)->said));
    set_port(live_of(play), port);
    return port != 0;
}

static bool live_start(torcs_play *play)
{
    const torcs_family *family = play->story->family;
    torcs_command command = { .count = 0 };
    void *settings = configure(play);
    bool good;

    begin(play);
    family->live(settings, &play->where, play->program, &command);
    good = launch(play, &command) && wait_for_start(play, port_is_known);
    free(settings);
    return good;
}

static int open_socket(const live_server *self)
{
    int family = self->address.ss_family;
    int end = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (end >= 0 &&
        connect(end, (const struct sockaddr *)&self->address, self->address_length) != 0) {
        close(end);
        end = -1;
    }
    return end;
}

static bool socket_is_there(torcs_play *play)
{
    int end = open_socket(live_of(play));

    if (end >= 0)
        close(end);
    return end >= 0;
}

static bool nginx_start(torcs_play *play)
{
    const torcs_family *family = play->story->family;
    torcs_command command = { .count = 0 };
    torcs_bytes configuration = { NULL, 0, 0 };
    void *settings = configure(play);
    char path[4200];
    FILE *file;
    bool good;

    begin(play);
    snprintf(path, sizeof(path), "%s.conf", play->where.socket);
    unlink(play->where.socket);
    family->nginx(settings, &play->where, &configuration);
    file = fopen(path, "we");
    if (file != NULL) {
        fputs(bytes_text(&configuration), file);
        fclose(file);
    }
    command_add(&command, play->program);
    command_add(&command, "-c");
    command_add(&command, path);
    set_path(live_of(play), play->where.socket);
    good = launch(play, &command) && wait_for_start(play, socket_is_there);
    bytes_free(&configuration);
    free(settings);
    return good;
}

/* It is asked to end, and must end well: a sanitizer's complaint shows here too. */
static void stop_server(torcs_play *play)
{
    live_server *self = live_of(play);
    torc_time until = torc_monotonic_now() + PLAY_PATIENCE;
    int status;

    if (self->server <= 0)
        return;
    if (!has_ended(self))
        kill(self->server, SIGTERM);
    while (!has_ended(self) && torc_monotonic_now() < until)
        rest_a_moment();
    if (!has_ended(self)) {
        kill(self->server, SIGKILL);
        play_fail(play, "the server does not end when it is asked to");
    }
    waitpid(self->server, &status, 0);
    if (WIFSIGNALED(status))
        play_fail(play, "the server ended by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        play_fail(play, "the server ended with status %d", WEXITSTATUS(status));
}

static void live_stop(torcs_play *play)
{
    live_server *self = live_of(play);

    for (torcs_client *client = play->clients; client != NULL; client = client->next) {
        if (socket_of(client) >= 0)
            close(socket_of(client));
        client->carried = NULL;
    }
    stop_server(play);
    if (play->failed)
        read_logs(play);
    bytes_free(&self->said);
    bytes_free(&self->accessed);
    free(self);
    play->carried = NULL;
}

/* -- clients ------------------------------------------------------------------------------- */

static bool live_connect(torcs_play *play, torcs_client *client)
{
    struct timeval patience = { .tv_sec = PLAY_PATIENCE / TORC_SECOND };
    int end = open_socket(live_of(play));
    int on = 1;

    if (end >= 0) {
        setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    }
    client->carried = (void *)(intptr_t)(end + 1);
    return end >= 0;
}

/* The server may have ended the connection: what it said is told by what is expected. */
static void live_send(torcs_play *play, torcs_client *client, torc_slice piece)
{
    (void)play;
    while (piece.length > 0) {
        ssize_t sent = send(socket_of(client), piece.data, piece.length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return;
        piece = torc_slice_skip(piece, (size_t)sent);
    }
}

static void forget_socket(torcs_client *client)
{
    close(socket_of(client));
    client->carried = NULL;
    client->end = CLIENT_ENDED;
}

static void live_close(torcs_play *play, torcs_client *client)
{
    (void)play;
    if (socket_of(client) >= 0)
        forget_socket(client);
}

static void live_close_write(torcs_play *play, torcs_client *client)
{
    (void)play;
    shutdown(socket_of(client), SHUT_WR);
}

static void live_reset(torcs_play *play, torcs_client *client)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(socket_of(client), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    live_close(play, client);
}

/* Nothing is read but when it is asked for, so that there is nothing to do. */
static void live_stall(torcs_play *play, torcs_client *client, bool on)
{
    (void)play;
    (void)client;
    (void)on;
}

static void live_advance(torcs_play *play, torc_time time)
{
    (void)time;
    play_fail(play, "'advance' in a live play");
}

static bool wait_for_log(torcs_play *play, torc_time patience)
{
    torc_time until = torc_monotonic_now() + patience;

    while (!read_logs(play)) {
        if (torc_monotonic_now() > until)
            return false;
        rest_a_moment();
    }
    return true;
}

static bool live_wait(torcs_play *play, torcs_client *client, torc_time patience)
{
    struct pollfd ready = { .events = POLLIN };
    char piece[65536];
    ssize_t length;

    if (client == NULL)
        return wait_for_log(play, patience);
    ready.fd = socket_of(client);
    if (ready.fd < 0 || client->stalled ||
        poll(&ready, 1, (int)(patience / TORC_MILLISECOND)) <= 0)
        return false;
    length = recv(ready.fd, piece, sizeof(piece), 0);
    if (length > 0)
        play_received(play, client, torc_slice_make(piece, (size_t)length));
    else
        play_ended(play, client, length == 0 ? CLIENT_ENDED : CLIENT_RESET);
    return true;
}

static torc_time live_now(const torcs_play *play)
{
    return play->carried != NULL ? torc_monotonic_now() - live_of(play)->started : 0;
}

#define LIVE_CALLS \
    .connect = live_connect, .send = live_send, .close = live_close, \
    .close_write = live_close_write, .reset = live_reset, .stall = live_stall, \
    .advance = live_advance, .wait = live_wait, .now = live_now, .stop = live_stop

const torcs_carrier live_carrier = { .name = "live", .start = live_start, LIVE_CALLS };
const torcs_carrier nginx_carrier = { .name = "nginx", .start = nginx_start, LIVE_CALLS };
