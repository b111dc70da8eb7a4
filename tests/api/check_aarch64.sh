#!/bin/bash
# check_aarch64: coroutines on AArch64: the core and the tests of coroutines, cross-compiled and run
# under an emulator of the user's part of a process.
#
# The tests are written with cmocka, of which there is no AArch64 build to be had in Debian without
# its foreign packages: a stand-in of the few macros that they use is made here.
set -eu

source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
for tool in aarch64-linux-gnu-gcc aarch64-linux-gnu-ar; do
    command -v "$tool" >/dev/null || {
        echo "skipped: there is no $tool (gcc-aarch64-linux-gnu)"
        exit 77
    }
done
emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) || {
    echo "skipped: there is no qemu-aarch64 (qemu-user)"
    exit 77
}
printf '#include <stdio.h>\nint main(void) { return 0; }\n' |
    aarch64-linux-gnu-gcc -x c - -static -o /dev/null 2>/dev/null || {
    echo "skipped: there is no libc for aarch64-linux-gnu (libc6-dev-arm64-cross)"
    exit 77
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/objects" "$work/include"
cat >"$work/include/cmocka.h" <<'END'
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*set_up)(void **state);
    int (*tear_down)(void **state);
};

#define cmocka_unit_test_setup_teardown(test, set_up, tear_down) { #test, test, set_up, tear_down }

#define cmocka_unit_test(test) { #test, test, NULL, NULL }
static inline __attribute__((noreturn)) void fail_at(const char *file, int line, const char *what)
{
    printf("%s:%d: %s\n", file, line, what);
    exit(1);
}

#define fail_msg(...)   (printf(__VA_ARGS__), fail_at(__FILE__, __LINE__, "failed"))
#define fail_unless(c) ((c) ? (void)0 : fail_at(__FILE__, __LINE__, #c))
#define assert_true(c)            fail_unless(c)
#define assert_false(c)           fail_unless(!(c))
#define assert_null(p)            fail_unless((p) == NULL)
#define assert_non_null(p)        fail_unless((p) != NULL)
#define assert_int_equal(a, b)    fail_unless((long long)(a) == (long long)(b))
#define assert_string_equal(a, b) fail_unless(strcmp((a), (b)) == 0)

#define cmocka_run_group_tests(tests, unused, unused_too) \
    run_all(tests, sizeof(tests) / sizeof(tests)[0])

static inline int run_all(const struct CMUnitTest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;

        tests[i].set_up(&state);
        tests[i].test(&state);
        tests[i].tear_down(&state);
    }
    printf("%zu tests\n", count);
    return 0;
}
END

flags=(-std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -mbranch-protection=standard
    -I"$work/include" -I"$source/include" -I"$source/src" -I"$source/tests/unit")
for folder in base deferred task reactor reactor/driver transport endpoint protocol log; do
    for file in "$source/src/$folder"/*.c; do
        case $file in
            */kqueue.c | "$source/src/$folder/*.c") ;;
            *) printf '%s\n' "$file" ;;
        esac
    done
done >"$work/sources"

# compile FILE: into an object named after its path.
compile()
{
    local name=${1#"$source/"}

    aarch64-linux-gnu-gcc "${flags[@]}" -c "$1" -o "$work/objects/${name//\//_}.o"
}

while read -r file; do
    compile "$file" &
    [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n
done <"$work/sources"
wait
[ "$(find "$work/objects" -name '*.o' | wc -l)" -eq "$(wc -l <"$work/sources")" ]
aarch64-linux-gnu-ar rcs "$work/libtorc.a" "$work/objects"/*.o

support=$source/tests/unit/support
for name in coroutine coroutine_cancel coroutine_generator coroutine_misuse coroutine_stack; do
    aarch64-linux-gnu-gcc "${flags[@]}" -static -o "$work/$name" \
        "$source/tests/unit/deferred/${name}_test.c" "$support/expect_abort.c" \
        "$support/leave_child.c" "$support/failing_allocation.c" \
        "$support/failing_system_call.c" "$work/libtorc.a" -lpthread
    said=$("$emulator" "$work/$name" 2>"$work/errors") || {
        printf '%s failed:\n%s\n' "$name" "$said"
        cat "$work/errors"
        exit 1
    }
    echo "$name: $said"
done
