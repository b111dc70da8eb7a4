/*
 * A family's server on a real port; see serve.h.
 */
#include "scenario/runner/serve.h"

#include "scenario/runner/family.h"

#include <torc.h>

#include <stdio.h>
#include <stdlib.h>

static const char mark[] = "listening on port ";

uint16_t serve_find_port(const char *log)
{
    const char *found = strstr(log, mark);

    return found != NULL && strchr(found, '\n') != NULL
        ? (uint16_t)strtoul(found + sizeof(mark) - 1, NULL, 10) : 0;
}

static torc_result opened(void *argument, torc_result result)
{
    torc_address address = torc_port_address(torc_result_pointer(result));

    (void)argument;
    torc_log_info("%s%u", mark, address.port);
    return torc_nothing();
}

int serve(const char *const *words, size_t count)
{
    const torcs_family *family = count >= 2 ? family_named(torc_slice_of(words[1])) : NULL;
    torc_failure *failure = family != NULL ? torc_log_to_path(words[0]) : NULL;
    torcs_bytes error = { NULL, 0, 0 };
    torc_reactor *reactor;
    torc_factory *factory = NULL;
    void *settings;
    int status = 1;

    if (family == NULL || family->make == NULL || failure != NULL) {
        fprintf(stderr, "torc-scenario: --serve LOG FAMILY [OPTION]...: %s\n",
            failure != NULL ? torc_failure_text(failure) : "there is no such family");
        torc_failure_release(failure);
        return 2;
    }
    reactor = torc_reactor_new();
    settings = claim(family->settings_size);
    if (family_configure(family, words + 2, count - 2, settings, &error))
        factory = family->make(
            settings, &(torcs_surroundings){ .root = "." }, torc_root(reactor), &error);
    if (factory == NULL) {
        fprintf(stderr, "torc-scenario: %s\n", bytes_text(&error));
        torc_reactor_free(reactor);
    } else {
        torc_add_callback(torc_port_opened(torc_listen(
            torc_root(reactor), "tcp:0:interface=127.0.0.1", factory)), opened, NULL);
        status = torc_run(reactor);
    }
    free(settings);
    bytes_free(&error);
    return status;
}
