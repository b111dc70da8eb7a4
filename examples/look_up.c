/*
 * look_up: what the DNS says of names, a record a line.
 *
 *     look_up [@SERVER[:PORT]] NAME [TYPE] [NAME [TYPE]]...
 *
 * Without a type: the addresses, as any program finds them. Exit status 1 where one is not found.
 */
#include <torc.h>
#include <torc/names.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t open_questions = 1; /* the first is main's own: it ends when all have been asked */

static torc_result show_host(void *name, torc_result found)
{
    const torc_host *host = torc_result_host(found);
    char text[TORC_ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < host->count; i++)
        printf("%s %s\n", (const char *)name, torc_address_host(&host->addresses[i], text));
    return torc_nothing();
}

static torc_result show_records(void *unused, torc_result found)
{
    const torc_records *records = torc_result_records(found);
    static char text[300000];

    (void)unused;
    for (size_t i = 0; i < records->count; i++) {
        torc_record_text(&records->list[i], text, sizeof text);
        puts(text);
    }
    return torc_nothing();
}

static torc_result complain(void *reactor, torc_result failed)
{
    fprintf(stderr, "look_up: %s\n", torc_failure_text(torc_result_failure(failed)));
    torc_stop_with(reactor, 1);
    return torc_nothing();
}

static torc_result count_down(void *reactor, torc_result result)
{
    if (--open_questions == 0)
        torc_stop(reactor);
    return result;
}

/* "@127.0.0.1:5353" */
static void ask_this_server(torc_reactor *reactor, const char *text)
{
    const char *colon = strrchr(text, ':');
    torc_slice host = torc_slice_of(text + 1);
    torc_resolver_options options = { .server_count = 1 };
    torc_address server;
    uint16_t port = 0;

    if (colon != NULL && strchr(text, ':') == colon) {
        host.length = (size_t)(colon - text - 1);
        port = (uint16_t)strtoul(colon + 1, NULL, 10);
    }
    if (!torc_address_parse(host, port, &server)) {
        fprintf(stderr, "look_up: no address of a server: %s\n", text);
        exit(2);
    }
    options.servers = &server;
    torc_use_resolver(reactor, torc_resolver_new(torc_root(reactor), &options));
}

/* Gives how many of the words are the question. */
static int ask(torc_reactor *reactor, char **words)
{
    torc_scope *scope = torc_root(reactor);
    torc_deferred *answer;
    uint16_t type;
    int used = 1;

    open_questions++;
    if (words[1] != NULL && torc_record_type_parse(torc_slice_of(words[1]), &type)) {
        answer = torc_look_up(scope, words[0], (torc_record_type)type);
        torc_add_callback(answer, show_records, NULL);
        used = 2;
    } else {
        answer = torc_resolve(scope, words[0]);
        torc_add_callback(answer, show_host, words[0]);
    }
    torc_add_errback(answer, complain, reactor);
    torc_add_both(answer, count_down, reactor);
    return used;
}

int main(int argc, char **argv)
{
    torc_reactor *reactor = torc_reactor_new();
    int at = 1;

    if (argc > 1 && argv[1][0] == '@')
        ask_this_server(reactor, argv[at++]);
    if (at == argc) {
        fprintf(stderr, "usage: look_up [@SERVER[:PORT]] NAME [TYPE]...\n");
        return 2;
    }
    while (at < argc)
        at += ask(reactor, argv + at);
    (void)count_down(reactor, torc_nothing());
    return torc_run(reactor);
}
