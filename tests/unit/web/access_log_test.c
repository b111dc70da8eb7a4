/*
 * The access log: the combined format, what a client may not forge, and when lines are written.
 */
#include "web_client.h"

#include <sys/stat.h>
#include <unistd.h>

static torc_reactor *reactor;
static torc_scope *scope;
static torc_web_log *access_log;
static char path[64];

static void handle(torc_web_request *request, void *context)
{
    (void)context;
    torc_web_respond(request, 200, "text/plain", TORC_SLICE("hello"));
}

static int set_up(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/torc_access_%ld", (long)getpid());
    unlink(path);
    reactor = torc_reactor_new();
    scope = torc_scope_new(torc_root(reactor));
    access_log = torc_web_log_open(scope, path, &failure);
    assert_non_null(access_log);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torc_reactor_free(reactor);
    return unlink(path);
}

static client *connect_client(void)
{
    return client_connect(reactor, torc_web_site_new(&(torc_web_site_options){
        .handle = handle, .log = access_log,
    }));
}

static const char *content_of(const char *name)
{
    static char text[1 << 16];
    FILE *file = fopen(name, "r");
    size_t length;

    assert_non_null(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

static const char *flushed(void)
{
    torc_web_log_flush(access_log);
    return content_of(path);
}

/* Sends a request, and waits for its answer. */
static void ask(const char *request)
{
    client *c = connect_client();

    client_send(c, request);
    client_wait(c, client_is_lost);
    client_free(c);
}

static void notes_each_request(void **state)
{
    const char *line;

    (void)state;
    ask("GET /a?b HTTP/1.0\r\nReferer: http://r/\r\nUser-Agent: agent (1)\r\n\r\n");
    ask("HEAD /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ask("nonsense\r\n\r\n");
    line = flushed();
    assert_true(strncmp(line, "- - - [", 7) == 0);
    assert_non_null(strstr(line, "] \"GET /a?b HTTP/1.0\" 200 5 \"http://r/\" \"agent (1)\"\n"));
    assert_non_null(strstr(line, "] \"HEAD /c HTTP/1.1\" 200 0 \"-\" \"-\"\n"));
    assert_non_null(strstr(line, "] \"-\" 400 "));
}

static void a_client_cannot_forge_lines(void **state)
{
    (void)state;
    ask("GET /\"x\\\xff HTTP/1.0\r\nUser-Agent: a\" 200 5 \"\t\\\r\n\r\n");
    assert_non_null(strstr(flushed(), "\"GET /\\x22x\\x5C\\xFF HTTP/1.0\" 200"));
    assert_non_null(strstr(flushed(), "\"a\\x22 200 5 \\x22\\x09\\x5C\"\n"));
}

static void long_texts_are_cut(void **state)
{
    char request[8000];

    (void)state;
    snprintf(request, sizeof(request), "GET /%07000d HTTP/1.0\r\n\r\n", 0);
    ask(request);
    assert_true(strlen(flushed()) < 2300);
}

static bool lines_are_written(const client *c)
{
    struct stat status;

    (void)c;
    return stat(path, &status) == 0 && status.st_size != 0;
}

static void lines_are_gathered_and_written_within_a_second(void **state)
{
    client *c = connect_client();
    torc_time start = torc_monotonic_now();

    (void)state;
    client_send(c, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    client_expect(c, "hello");
    assert_false(lines_are_written(c));
    client_wait(c, lines_are_written);
    assert_true(torc_monotonic_now() - start < 2 * TORC_SECOND);
    client_free(c);
}

static void the_end_of_its_scope_writes_the_rest(void **state)
{
    (void)state;
    ask("GET /a HTTP/1.0\r\n\r\n");
    assert_false(lines_are_written(NULL));
    torc_scope_end(scope);
    torc_iterate(reactor, 0);
    assert_non_null(strstr(content_of(path), "GET /a HTTP/1.0"));
}

static void goes_on_in_a_new_file(void **state)
{
    char renamed[80];

    (void)state;
    ask("GET /before HTTP/1.0\r\n\r\n");
    snprintf(renamed, sizeof(renamed), "%s.1", path);
    assert_int_equal(rename(path, renamed), 0);
    assert_null(torc_web_log_reopen(access_log));
    ask("GET /after HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(content_of(renamed), "/before"));
    assert_null(strstr(flushed(), "/before"));
    assert_non_null(strstr(flushed(), "/after"));
    unlink(renamed);
}

static void a_file_that_cannot_be_opened_is_told(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    assert_null(torc_web_log_open(scope, "/nonexistent/log", &failure));
    assert_string_equal(torc_failure_text(failure),
        "cannot open the access log /nonexistent/log: No such file or directory");
    torc_failure_release(failure);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(notes_each_request),
        TEST(a_client_cannot_forge_lines),
        TEST(long_texts_are_cut),
        TEST(lines_are_gathered_and_written_within_a_second),
        TEST(the_end_of_its_scope_writes_the_rest),
        TEST(goes_on_in_a_new_file),
        TEST(a_file_that_cannot_be_opened_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
