/*
 * Files over the server, over memory: what is sent, what is not, and that a change is noticed.
 */
#include "web_client.h"

#include "support/failing_allocation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static torc_reactor *reactor;
static char base[64];
static int root;
static client *c;

static void put(const char *name, const char *text)
{
    int file = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static torc_factory *site(const torc_web_files_options *given)
{
    torc_web_files_options options = *given;
    torc_failure *failure = NULL;
    torc_web_files *files;
    char path[96];

    snprintf(path, sizeof(path), "%s/root", base);
    options.path = path;
    files = torc_web_files_new(&options, &failure);
    assert_non_null(files);
    return torc_web_site_new(&(torc_web_site_options){
        .handle = torc_web_files_handle,
        .context = files,
        .release = torc_web_files_free,
        .drops_bodies = true,
    });
}

static void make_files(void)
{
    put("a.txt", "hello");
    put("empty", "");
    put("page.html", "plain page");
    put("page.html.gz", "GZIP");
    put("page.html.br", "BROTLI");
    put("n\xc3\xa4m e", "umlaut");
    put("../secret", "secret");
    assert_int_equal(mkdirat(root, "indexed", 0755), 0);
    put("indexed/index.html", "the index");
    assert_int_equal(mkdirat(root, "bare", 0755), 0);
    put("bare/inside", "inside");
    put("bare/.dotted", "dotted");
    assert_int_equal(symlinkat("a.txt", root, "in"), 0);
    assert_int_equal(symlinkat("../secret", root, "out"), 0);
    assert_int_equal(symlinkat("../../secret", root, "bare/leads_out"), 0);
    assert_int_equal(mkfifoat(root, "pipe", 0644), 0);
}

static int set_up(void **state)
{
    int outside;

    (void)state;
    strcpy(base, "/tmp/torc_files_XXXXXX");
    assert_non_null(mkdtemp(base));
    outside = open(base, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkdirat(outside, "root", 0755), 0);
    root = openat(outside, "root", O_RDONLY | O_DIRECTORY);
    close(outside);
    make_files();
    reactor = torc_reactor_new();
    c = client_connect(reactor, site(&(torc_web_files_options){ .index = NULL }));
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    client_free(c);
    torc_reactor_free(reactor);
    close(root);
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    return system(command);
}

/* Whether a whole answer is there: its head, and as much body as that announces. */
static bool answer_is_complete(const client *self)
{
    const char *end = strstr(self->text, "\r\n\r\n");
    const char *length = strstr(self->text, "Content-Length: ");

    if (end == NULL)
        return false;
    if (length == NULL || length > end)
        return true;
    return self->length >= (size_t)(end + 4 - self->text) + strtoul(length + 16, NULL, 10);
}

static const char *ask(const char *method, const char *target, const char *fields)
{
    char request[1024];

    snprintf(
        request, sizeof(request), "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, target, fields);
    client_forget(c);
    client_send(c, request);
    if (strcmp(method, "HEAD") == 0)
        client_expect(c, "\r\n\r\n");
    else
        client_wait(c, answer_is_complete);
    return c->text;
}

static const char *body(void)
{
    return strstr(c->text, "\r\n\r\n") + 4;
}

static void expect_status(const char *target, const char *fields, int status)
{
    char line[32];

    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    if (strncmp(ask("GET", target, fields), line, strlen(line)) != 0)
        fail_msg("%s: %s", target, c->text);
}

static void expect_body(const char *target, const char *fields, const char *text)
{
    expect_status(target, fields, 200);
    assert_string_equal(body(), text);
}

/* The value of a field of the last answer, in a static place. */
static const char *field(const char *name)
{
    static char value[256];
    char start[64];
    const char *at;

    snprintf(start, sizeof(start), "\r\n%s: ", name);
    at = strstr(c->text, start);
    if (at == NULL)
        fail_msg("no %s: %s", name, c->text);
    at += strlen(start);
    snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* -- files and directories ----------------------------------------------------------------- */

static void sends_files(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        expect_body("/a.txt", "", "hello");
        assert_string_equal(field("Content-Type"), "text/plain; charset=utf-8");
        expect_body("/a.txt?query", "", "hello");
        expect_body("/%61.txt", "", "hello");
        expect_body("/empty", "", "");
        expect_body("/n%C3%A4m%20e", "", "umlaut");
        expect_body("/in", "", "hello");
        expect_body("http://h/a.txt", "", "hello");
    }
}

static void head_is_get_without_the_body(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        ask("HEAD", "/a.txt", "");
        assert_string_equal(field("Content-Length"), "5");
        assert_string_equal(body(), "");
        expect_body("/a.txt", "", "hello");
    }
}

static void a_directory_is_its_index_or_a_listing(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        expect_body("/indexed/", "", "the index");
        expect_status("/indexed", "", 301);
        assert_string_equal(field("Location"), "/indexed/");
        expect_status("/bare?a=b", "", 301);
        assert_string_equal(field("Location"), "/bare/?a=b");
        expect_status("/bare/", "", 200);
        assert_non_null(strstr(body(), "inside"));
        assert_null(strstr(body(), "dotted"));
        assert_null(strstr(body(), "leads_out"));
        expect_status("/", "", 200);
        assert_non_null(strstr(body(), "a.txt"));
        assert_null(strstr(body(), "pipe"));
        assert_null(strstr(body(), "secret"));
    }
}

static void listings_may_be_forbidden(void **state)
{
    (void)state;
    client_free(c);
    c = client_connect(
        reactor, site(&(torc_web_files_options){ .no_listing = true, .index = "inside" }));
    expect_status("/", "", 403);
    expect_status("/indexed/", "", 403);
    expect_body("/bare/", "", "inside");
}

static void what_is_not_there_is_404(void **state)
{
    (void)state;
    expect_status("/missing", "", 404);
    expect_status("/missing/", "", 404);
    expect_status("/a.txt/", "", 404);
    expect_status("/a.txt/b", "", 404);
}

static void only_get_head_and_options(void **state)
{
    (void)state;
    ask("OPTIONS", "*", "");
    assert_string_equal(field("Allow"), "GET, HEAD, OPTIONS");
    ask("PUT", "/a.txt", "Content-Length: 0\r\n");
    assert_true(strncmp(c->text, "HTTP/1.1 405 ", 13) == 0);
    ask("BREW", "/a.txt", "");
    assert_true(strncmp(c->text, "HTTP/1.1 501 ", 13) == 0);
    expect_body("/a.txt", "", "hello");
}

/* -- what must not leave ------------------------------------------------------------------- */

static void nothing_outside_is_sent(void **state)
{
    static const char *const targets[] = {
        "/../secret",
        "/..%2fsecret",
        "/%2e%2e/secret",
        "/%2E%2E%2Fsecret",
        "/bare/../../secret",
        "/bare/%2e%2e/%2e%2e/secret",
        "//../secret",
        "/.%2e/secret",
        "/%2e./secret",
        "/..\\secret",
        "/..%5csecret",
        "/%252e%252e/secret",
        "/..;/secret",
        "/....//secret",
        "/%c0%ae%c0%ae/secret",
        "/a.txt%00.html",
        "/out",
        "/bare/leads_out",
        "http://h/../secret",
    };

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
            ask("GET", targets[i], "");
            if (strncmp(c->text, "HTTP/1.1 40", 11) != 0 || strstr(c->text, "secret") != NULL)
                fail_msg("%s: %s", targets[i], c->text);
        }
    }
}

static void special_files_do_not_block(void **state)
{
    (void)state;
    expect_status("/pipe", "", 403);
    expect_body("/a.txt", "", "hello");
}

/* -- ranges -------------------------------------------------------------------------------- */

static void sends_ranges(void **state)
{
    (void)state;
    expect_status("/a.txt", "Range: bytes=1-3\r\n", 206);
    assert_string_equal(body(), "ell");
    assert_string_equal(field("Content-Range"), "bytes 1-3/5");
    expect_status("/a.txt", "Range: bytes=-2\r\n", 206);
    assert_string_equal(body(), "lo");
    expect_status("/a.txt", "Range: bytes=3-\r\n", 206);
    assert_string_equal(body(), "lo");
    expect_status("/a.txt", "Range: bytes=5-\r\n", 416);
    assert_string_equal(field("Content-Range"), "bytes */5");
    expect_body("/a.txt", "Range: lines=1-2\r\n", "hello");
    expect_body("/a.txt", "Range: bytes=3-1\r\n", "hello");
}

static void sends_several_ranges_at_once(void **state)
{
    char expected[1024];
    char boundary[64];

    (void)state;
    expect_status("/a.txt", "Range: bytes=0-0,3-4\r\n", 206);
    assert_true(strncmp(field("Content-Type"), "multipart/byteranges; boundary=", 31) == 0);
    snprintf(boundary, sizeof(boundary), "%s", field("Content-Type") + 31);
    snprintf(expected, sizeof(expected),
        "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-0/5\r\n\r\nh"
        "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 3-4/5\r\n\r\n"
        "lo\r\n--%s--\r\n", boundary, boundary, boundary);
    assert_string_equal(body(), expected);
}

static void a_range_may_depend_on_the_version(void **state)
{
    char fields[256];

    (void)state;
    ask("GET", "/a.txt", "");
    snprintf(fields, sizeof(fields), "Range: bytes=0-1\r\nIf-Range: %s\r\n", field("ETag"));
    expect_status("/a.txt", fields, 206);
    assert_string_equal(body(), "he");
    expect_body("/a.txt", "Range: bytes=0-1\r\nIf-Range: \"other\"\r\n", "hello");
}

/* -- conditions ---------------------------------------------------------------------------- */

static void answers_conditional_requests(void **state)
{
    char fields[256];

    (void)state;
    ask("GET", "/a.txt", "");
    snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n", field("ETag"));
    expect_status("/a.txt", fields, 304);
    assert_string_equal(body(), "");
    assert_non_null(field("ETag"));
    expect_body("/a.txt", "If-None-Match: \"other\"\r\n", "hello");
    ask("GET", "/a.txt", "");
    snprintf(fields, sizeof(fields), "If-Modified-Since: %s\r\n", field("Last-Modified"));
    expect_status("/a.txt", fields, 304);
    expect_body("/a.txt", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "hello");
    expect_status("/a.txt", "If-Match: \"other\"\r\n", 412);
}

/* -- versions ------------------------------------------------------------------------------ */

static void sends_the_version_that_the_client_likes(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        expect_body("/page.html", "", "plain page");
        assert_string_equal(field("Vary"), "Accept-Encoding");
        expect_body("/page.html", "Accept-Encoding: gzip\r\n", "GZIP");
        assert_string_equal(field("Content-Encoding"), "gzip");
        assert_string_equal(field("Content-Type"), "text/html; charset=utf-8");
        expect_body("/page.html", "Accept-Encoding: gzip, deflate, br\r\n", "BROTLI");
        assert_string_equal(field("Content-Encoding"), "br");
        expect_body("/page.html", "Accept-Encoding: gzip, br;q=0.1\r\n", "GZIP");
        expect_body("/page.html", "Accept-Encoding: gzip;q=0, br;q=0\r\n", "plain page");
        expect_body("/a.txt", "Accept-Encoding: gzip\r\n", "hello");
        client_expect_none(c, "Vary");
    }
}

/* -- the cache ----------------------------------------------------------------------------- */

static void expect_within_a_second(const char *target, const char *fields, const char *text)
{
    torc_time until = torc_monotonic_now() + TORC_SECOND;

    do {
        ask("GET", target, fields);
        if (strcmp(body(), text) == 0)
            return;
    } while (torc_monotonic_now() < until);
    fail_msg("'%s' was not seen within a second: %s", text, c->text);
}

static void notices_a_change_within_a_second(void **state)
{
    (void)state;
    expect_body("/a.txt", "", "hello");
    expect_body("/a.txt", "", "hello");
    put("a.txt", "HELLO");
    expect_within_a_second("/a.txt", "", "HELLO");
    put("a.txt.gz", "PRESSED");
    expect_within_a_second("/a.txt", "Accept-Encoding: gzip\r\n", "PRESSED");
    assert_int_equal(unlinkat(root, "a.txt", 0), 0);
    {
        torc_time until = torc_monotonic_now() + TORC_SECOND;

        while (strncmp(ask("GET", "/a.txt", ""), "HTTP/1.1 404 ", 13) != 0)
            assert_true(torc_monotonic_now() < until);
    }
}

/* What has been as it is for a while is read again only when its stamp says so. */
static void notices_a_change_of_an_old_file(void **state)
{
    torc_time until = torc_monotonic_now() + 150 * TORC_MILLISECOND;

    (void)state;
    while (torc_monotonic_now() < until)
        torc_iterate(reactor, 10 * TORC_MILLISECOND);
    expect_body("/a.txt", "", "hello");
    expect_body("/page.html", "Accept-Encoding: br\r\n", "BROTLI");
    put("a.txt", "HELLO");
    assert_int_equal(unlinkat(root, "page.html.br", 0), 0);
    expect_within_a_second("/a.txt", "", "HELLO");
    expect_within_a_second("/page.html", "Accept-Encoding: br, gzip\r\n", "GZIP");
}

static void files_that_do_not_fit_are_sent_all_the_same(void **state)
{
    static char text[200001];

    (void)state;
    client_free(c);
    c = client_connect(
        reactor, site(&(torc_web_files_options){ .cache_max = 3000, .cache_file_max = 2500 }));
    memset(text, 'x', 2400);
    for (int i = 0; i < 20; i++) {
        char name[32];
        char target[32];

        snprintf(name, sizeof(name), "file%d", i % 5);
        snprintf(target, sizeof(target), "/file%d", i % 5);
        text[0] = (char)('a' + i % 5);
        put(name, text);
        expect_body(target, "", text);
    }
    memset(text, 'y', sizeof(text) - 1);
    put("large", text);
    expect_body("/large", "", text);
    expect_status("/large", "Range: bytes=199999-\r\n", 206);
    assert_string_equal(body(), "y");
}

static void many_large_files_are_sent_one_after_the_other(void **state)
{
    static char text[100001];
    char requests[40 * 64] = "";
    torc_time until = torc_monotonic_now() + CLIENT_PATIENCE;

    (void)state;
    memset(text, 'z', sizeof(text) - 1);
    put("large", text);
    for (int i = 0; i < 8; i++)
        strcat(requests, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    strcat(requests, "GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    client_forget(c);
    client_send(c, requests);
    while (!c->lost && torc_monotonic_now() < until)
        torc_iterate(reactor, TORC_MILLISECOND);
    assert_true(c->lost);
    assert_true(c->length > 8 * 100000);
    assert_string_equal(c->text + c->length - 5, "hello");
}

/* All kinds of answers, with one allocation failing among them. Gives whether one did. */
static bool serve_with_a_failure(unsigned int passed)
{
    client *other = client_connect(reactor, site(&(torc_web_files_options){ .index = NULL }));
    bool failed;

    fail_allocation_after(passed);
    client_send(other,
        "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n"
        "GET /page.html HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br\r\n\r\n"
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0,2-3\r\n\r\n"
        "GET /bare HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
        "GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
    client_turns(other);
    failed = an_allocation_failed();
    allow_allocations();
    if (!failed)
        client_expect(other, "404 Not Found");
    if (strstr(other->text, "BROTLI") != NULL)
        assert_non_null(strstr(other->text, "Content-Encoding: br\r\n"));
    client_free(other);
    return failed;
}

static void survives_each_allocation_failing(void **state)
{
    unsigned int passed = 0;

    (void)state;
    while (serve_with_a_failure(passed))
        assert_true(++passed < 1000);
    assert_true(passed > 10);
    expect_body("/a.txt", "", "hello");
}

static void a_directory_that_is_not_there_is_told(void **state)
{
    torc_failure *failure = NULL;

    (void)state;
    assert_null(torc_web_files_new(
        &(torc_web_files_options){ .path = "/nonexistent/torc" }, &failure));
    assert_string_equal(torc_failure_text(failure),
        "cannot serve the directory /nonexistent/torc: No such file or directory");
    torc_failure_release(failure);
    assert_null(torc_web_files_new(
        &(torc_web_files_options){ .path = "/tmp", .index = "a/b" }, &failure));
    assert_true(torc_failure_is(failure, &torc_error_invalid_argument));
    torc_failure_release(failure);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_files),
        TEST(head_is_get_without_the_body),
        TEST(a_directory_is_its_index_or_a_listing),
        TEST(listings_may_be_forbidden),
        TEST(what_is_not_there_is_404),
        TEST(only_get_head_and_options),
        TEST(nothing_outside_is_sent),
        TEST(special_files_do_not_block),
        TEST(sends_ranges),
        TEST(sends_several_ranges_at_once),
        TEST(a_range_may_depend_on_the_version),
        TEST(answers_conditional_requests),
        TEST(sends_the_version_that_the_client_likes),
        TEST(notices_a_change_within_a_second),
        TEST(notices_a_change_of_an_old_file),
        TEST(files_that_do_not_fit_are_sent_all_the_same),
        TEST(many_large_files_are_sent_one_after_the_other),
        TEST(survives_each_allocation_failing),
        TEST(a_directory_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
