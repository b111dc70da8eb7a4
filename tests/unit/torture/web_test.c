/*
 * A browser's visit over TCP, both sides in one reactor: files small and large, a part of one, a
 * listing, what is not there, all on one connection that is kept alive; with everything failing in
 * turn. Where the server cannot answer as it should, it answers 5xx (or 404 where a file cannot be
 * looked at), or ends the connection: it never falls silent, and never sends a body that is short.
 */
#include "torture/torture.h"

#include "support/driver_works.h"

#include <torc/web.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGE_SIZE = 400 << 10, TEXT_ROOM = 1 << 20, ANSWERS = 6 };

static const char *const requests[ANSWERS] = {
    "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=5-9,100-109\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /none HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
};

static const int good_statuses[ANSWERS] = { 200, 200, 206, 200, 404, 200 };

typedef struct visit {
    torc_reactor *reactor;
    torc_web_files *files;
    torc_port *port;
    int opened;
    int answered;
    bool connected;
    int lost;
    int answers;
    int statuses[ANSWERS];
    size_t length;
    char text[TEXT_ROOM + 1];
} visit;

static char folder[] = "/tmp/torc-torture-XXXXXX";

/* -- the browser --------------------------------------------------------------------------- */

static visit *visit_of(torc_protocol *self)
{
    return torc_context_of(self);
}

static void ask(torc_protocol *self)
{
    torc_write(self->transport, torc_slice_of(requests[visit_of(self)->answers]));
}

/* Whether an answer is there as a whole; *ret_size is how long it is. */
static bool is_whole(const visit *v, size_t *ret_size)
{
    const char *end = strstr(v->text, "\r\n\r\n");
    const char *length = strstr(v->text, "\r\nContent-Length: ");

    if (end == NULL)
        return false;
    if (strncmp(v->text, "HTTP/1.1 ", 9) != 0 || length == NULL || length > end)
        fail_msg("%s: no answer of HTTP: %.200s", torture_fault(), v->text);
    *ret_size = (size_t)(end + 4 - v->text) + (size_t)strtoull(length + 18, NULL, 10);
    return v->length >= *ret_size;
}

static void browser_data(torc_protocol *self, torc_slice data)
{
    visit *v = visit_of(self);
    size_t size;

    assert_true(data.length <= TEXT_ROOM - v->length);
    memcpy(v->text + v->length, data.data, data.length);
    v->length += data.length;
    v->text[v->length] = '\0';
    while (v->answers < ANSWERS && is_whole(v, &size)) {
        v->statuses[v->answers++] = atoi(v->text + 9);
        v->length -= size;
        memmove(v->text, v->text + size, v->length + 1);
        if (v->answers < ANSWERS)
            ask(self);
    }
}

static void browser_lost(torc_protocol *self, const torc_failure *reason)
{
    (void)reason;
    visit_of(self)->lost++;
}

static const torc_protocol_class browser_class = {
    .name = "TortureBrowser",
    .connection_made = ask,
    .data_received = browser_data,
    .connection_lost = browser_lost,
};

/* -- the visit ----------------------------------------------------------------------------- */

static torc_result note_opened(void *self, torc_result result)
{
    ((visit *)self)->opened = torc_is_failure(result) ? 2 : 1;
    return torc_nothing();
}

static torc_result note_connected(void *self, torc_result result)
{
    visit *v = self;

    v->answered++;
    v->connected = !torc_is_failure(result);
    return torc_nothing();
}

static torc_factory *new_site(visit *v)
{
    torc_web_site_options options = {
        .handle = torc_web_files_handle,
        .context = v->files,
        .release = torc_web_files_free,
        .drops_bodies = true,
    };

    return torc_web_site_new(&options);
}

static bool start_listening(visit *v)
{
    torc_web_files_options options = { .path = folder };
    torc_failure *failure = NULL;
    torc_deferred *opened;

    v->files = torc_web_files_new(&options, &failure);
    if (v->files == NULL) {
        assert_non_null(failure);
        torc_failure_release(failure);
        return false;
    }
    pause_allocation_failures(); /* a site or a port without memory ends the process */
    v->port = torc_listen(torc_root(v->reactor), "tcp:0:interface=127.0.0.1", new_site(v));
    opened = torc_port_opened(v->port);
    resume_allocation_failures();
    torc_add_both(opened, note_opened, v);
    torture_run_until(v->reactor, &v->opened, 1);
    return v->opened == 1 && torc_port_address(v->port).port != 0;
}

static void visit_once(visit *v)
{
    torc_factory_options options = { .kind = &browser_class, .context = v };
    torc_factory *factory;
    char where[64];

    v->answered = v->lost = v->answers = 0;
    v->length = 0;
    memset(v->statuses, 0, sizeof v->statuses);
    snprintf(where, sizeof where, "tcp:127.0.0.1:%u", torc_port_address(v->port).port);
    torture_pause(true);
    factory = torc_factory_new(&options);
    torture_pause(false);
    torc_add_both(torc_connect(torc_root(v->reactor), where, factory), note_connected, v);
    torture_run_until(v->reactor, &v->answered, 1);
    if (v->connected)
        torture_run_until(v->reactor, &v->lost, 1);
    for (int i = 0; i < v->answers; i++)
        if (v->statuses[i] != good_statuses[i] && v->statuses[i] < 500 && v->statuses[i] != 404 &&
            v->statuses[i] != 403 && v->statuses[i] != 200)
            fail_msg("%s: %s is answered %d", torture_fault(), requests[i], v->statuses[i]);
}

static void assert_whole(const visit *v)
{
    if (v->answers != ANSWERS || memcmp(v->statuses, good_statuses, sizeof good_statuses) != 0)
        fail_msg("%s: %d answers; %d %d %d %d %d %d", torture_fault(), v->answers, v->statuses[0],
            v->statuses[1], v->statuses[2], v->statuses[3], v->statuses[4], v->statuses[5]);
}

static void go_and_see(visit *v)
{
    if (start_listening(v)) {
        visit_once(v);
        if (torture_is_passing())
            assert_whole(v);
        torture_over();
        visit_once(v);
        assert_whole(v);
    }
    torture_over();
}

static void browse(void *driver)
{
    torc_failure *failure = NULL;
    visit *v = calloc(1, sizeof *v);

    assert_non_null(v);
    v->reactor = torc_reactor_new_named(driver, &failure);
    if (v->reactor != NULL)
        go_and_see(v);
    torc_failure_release(failure);
    torc_reactor_free(v->reactor);
    free(v);
}

/* -- the tests ----------------------------------------------------------------------------- */

static void a_visit_survives_each_fault(void **state)
{
    (void)state;
    torture(browse, (void *)(uintptr_t)torc_driver_name(0));
}

static void a_visit_over_io_uring_survives_each_fault(void **state)
{
    static char name[] = "uring";

    (void)state;
    if (driver_works(name))
        torture(browse, name);
}

/* Once the kernel has said that it lacks the call, it is not asked again: so this comes last. */
static void a_visit_survives_each_fault_where_paths_are_walked(void **state)
{
    (void)state;
    torture_now = NO_FAULT;
    fail_system_calls_named("openat2", ENOSYS);
    browse((void *)(uintptr_t)torc_driver_name(0));
    torture_over();
    torture(browse, (void *)(uintptr_t)torc_driver_name(0));
}

/* -- the files ----------------------------------------------------------------------------- */

static void write_file(const char *name, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++)
        fputc('a' + (int)(i % 26), file);
    assert_int_equal(fclose(file), 0);
}

static int make_files(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    write_file("small.txt", 500);
    write_file("large.bin", LARGE_SIZE);
    return 0;
}

static int remove_files(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/small.txt", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/large.bin", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_visit_survives_each_fault),
        cmocka_unit_test(a_visit_over_io_uring_survives_each_fault),
        cmocka_unit_test(a_visit_survives_each_fault_where_paths_are_walked),
    };

    torc_log_add_observer(TORC_LOG_DEBUG, torture_hush, NULL);
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
