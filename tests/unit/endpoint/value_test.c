/*
 * Endpoints as structs and quoted values, and kinds of the program's own: what is written is what
 * is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <torc/endpoint.h>
#include <torc/endpoint_kind.h>

#include "endpoint/description.h"
#include "endpoint/endpoint.h"

static void assert_described(
    const torc_endpoint *endpoint, bool listening, const char *expected)
{
    char text[1024];
    torc__endpoint read;
    torc_failure *failure;

    assert_int_equal(
        torc_endpoint_describe(endpoint, listening, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
    failure = listening ? torc__endpoint_to_listen(text, &read)
                        : torc__endpoint_to_connect(text, &read);
    if (failure != NULL)
        fail_msg("%s", torc_failure_text(failure));
    torc__layer_release(read.layers);
}

static void each_kind_has_its_struct_for_listening(void **state)
{
    (void)state;
    assert_described(&(torc_endpoint){ .port = 0 }, true, "tcp:port=0");
    assert_described(&(torc_endpoint){ .host = "::", .port = 80, .backlog = 9, .reuse_port = true,
        .waits = true }, true, "tcp:interface=\\:\\::port=80:backlog=9:reuseport=:wait=");
    assert_described(&(torc_endpoint){ .kind = "tcp6", .port = 80 }, true, "tcp6:port=80");
    assert_described(&(torc_endpoint){ .kind = "unix", .path = "/a:b", .mode = 0660 }, true,
        "unix:path=/a\\:b:mode=660");
    assert_described(&(torc_endpoint){ .kind = "fd" }, true, "fd:descriptor=0");
    assert_described(&(torc_endpoint){ .kind = "memory", .name = "n=[1]" }, true,
        "memory:name=n\\=[1]");
    assert_described(&(torc_endpoint){ .kind = "haproxy", .inner =
        &(torc_endpoint){ .port = 80 } }, true, "haproxy:tcp:port=80");
    assert_described(&(torc_endpoint){ .kind = "stdio" }, true, "stdio");
}

static void each_kind_has_its_struct_for_connecting(void **state)
{
    (void)state;
    assert_described(&(torc_endpoint){ .host = "a.test", .port = 80,
        .timeout = 1500 * TORC_MILLISECOND, .local_host = "192.0.2.1" }, false,
        "tcp:host=a.test:port=80:timeout=1.500000000:bindAddress=192.0.2.1");
    assert_described(&(torc_endpoint){ .kind = "haproxy-v2", .inner =
        &(torc_endpoint){ .kind = "unix", .path = "/x" } }, false, "haproxy-v2:unix:path=/x");
    assert_described(&(torc_endpoint){ .kind = "socks", .host = "a.test", .port = 80,
        .user = "me", .password = "a:b", .inner =
            &(torc_endpoint){ .host = "::1", .port = 1080 } }, false,
        "socks:host=a.test:port=80:endpoint=tcp\\:host\\=\\\\\\:\\\\\\:1\\:port\\=1080"
        ":user=me:password=a\\:b");
    assert_described(&(torc_endpoint){ .kind = "unix", .further = (torc_endpoint_argument[]){
        { "path", "/x" }, { "timeout", "2" }, { NULL, NULL } } }, false,
        "unix:path=/x:timeout=2");
    assert_described(&(torc_endpoint){ .kind = "process", .directory = "/a:b",
        .arguments = (const char *const[]){ "dd", "if=[x]", "", "[y]", NULL },
        .variables = (const char *const[]){ "A=1", "B", NULL } }, false,
        "process:dd:if\\=[x]::\\[y]:variable=A\\=1:variable=B:directory=/a\\:b");
}

static void the_struct_s_text_is_bounded(void **state)
{
    char small[8];
    torc_endpoint turtle = { .kind = "haproxy" };

    (void)state;
    assert_int_equal(torc_endpoint_describe(&(torc_endpoint){ .port = 8080 }, true, small,
        sizeof(small)), 13);
    assert_string_equal(small, "tcp:por");
    turtle.inner = &turtle;
    assert_true(torc_endpoint_describe(&turtle, true, small, sizeof(small)) < 200);
}

static void what_is_quoted_is_one_value(void **state)
{
    static const char *const values[] = { "", "a", "::1", "[::1]:80", "a=b", "\\", "a\\:b", "[",
        "]", "x[y", "\xc3\xa9" };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char quoted[64];
        char text[160];
        torc__description description;

        assert_true(torc_endpoint_quote(torc_slice_of(values[i]), quoted, sizeof(quoted)) < 64);
        snprintf(text, sizeof(text), "kind:%s:name=%s", quoted, quoted);
        assert_null(torc__description_parse(torc_slice_of(text), &description));
        assert_int_equal(description.count, 2);
        assert_string_equal(description.parts[0].value.data, values[i]);
        assert_string_equal(description.parts[1].value.data, values[i]);
    }
}

/* -- kinds of the program's own ------------------------------------------------------------ */

static torc_failure *find_db(void *context, const char *const *values, char *text, size_t size)
{
    char name[64];

    if (strcmp(values[0], "lost") == 0)
        return torc_failure_new(&torc_error_invalid_argument, "there is no database %s", values[0]);
    torc_endpoint_quote(torc_slice_of(values[0]), name, sizeof(name));
    snprintf(text, size, "unix:%s/%s%s", (const char *)context, name,
        values[1] != NULL ? values[1] : "");
    return NULL;
}

static const char *const db_arguments[] = { "name", "suffix", NULL };
static char db_folder[] = "/run/db";
static const torc_endpoint_kind db = {
    .name = "db", .arguments = db_arguments, .mandatory = 1, .example = "db:orders",
    .connecting = find_db, .context = db_folder,
};

static void assert_refused(torc_failure *failure, const char *text)
{
    assert_non_null(failure);
    assert_string_equal(torc_failure_text(failure), text);
    torc_failure_release(failure);
}

static void a_kind_of_the_program_s_own_stands_for_another(void **state)
{
    torc__endpoint endpoint;

    (void)state;
    assert_true(torc_endpoint_kind_add(&db));
    assert_true(torc_endpoint_kind_add(&db));
    assert_null(torc__endpoint_to_connect("db:a\\:b", &endpoint));
    assert_string_equal(endpoint.address.path, "/run/db/a:b");
    assert_string_equal(endpoint.text, "db:a\\:b");
    assert_null(torc__endpoint_to_connect("haproxy:db:suffix=.sock:orders", &endpoint));
    assert_string_equal(endpoint.address.path, "/run/db/orders.sock");
    torc__layer_release(endpoint.layers);
}

static void its_mistakes_are_told(void **state)
{
    static const torc_endpoint_kind thief = {
        .name = "tcp", .arguments = db_arguments, .connecting = find_db };
    torc__endpoint endpoint;

    (void)state;
    assert_false(torc_endpoint_kind_add(&thief));
    assert_refused(torc__endpoint_to_connect("db", &endpoint),
        "db: name is missing; write db:orders");
    assert_refused(torc__endpoint_to_connect("db:a:b:c", &endpoint),
        "db:a:b:c: db takes no 'c'; write db:orders");
    assert_refused(torc__endpoint_to_connect("db:a:x=1", &endpoint),
        "db:a:x=1: db takes no 'x'; write db:orders");
    assert_refused(torc__endpoint_to_connect("db:lost", &endpoint), "there is no database lost");
    assert_refused(torc__endpoint_to_listen("db:a", &endpoint), "db:a: db is not for listening");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_struct_for_listening),
        cmocka_unit_test(each_kind_has_its_struct_for_connecting),
        cmocka_unit_test(the_struct_s_text_is_bounded),
        cmocka_unit_test(what_is_quoted_is_one_value),
        cmocka_unit_test(a_kind_of_the_program_s_own_stands_for_another),
        cmocka_unit_test(its_mistakes_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
