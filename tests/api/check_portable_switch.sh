#!/bin/bash
# check_portable_switch: coroutines with the switch that is taken where a processor has none of its
# own here: the core and the tests of coroutines, compiled and run with TORC_PORTABLE_SWITCH.
set -eu

source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
cc=${CC:-cc}
pkg-config --exists cmocka 2>/dev/null || {
    echo "skipped: pkg-config finds no cmocka (libcmocka-dev)"
    exit 77
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c11 -D_GNU_SOURCE -DTORC_PORTABLE_SWITCH -O1 -Wall -Wextra -Werror
    -I"$source/include" -I"$source/src" -I"$source/tests/unit")

sources=()
for folder in base deferred task reactor reactor/driver transport endpoint protocol log; do
    for file in "$source/src/$folder"/*.c; do
        case $file in
            */kqueue.c | */'*.c') ;;
            *) sources+=("$file") ;;
        esac
    done
done
mkdir "$work/objects"
for file in "${sources[@]}"; do
    name=${file#"$source/"}
    "$cc" "${flags[@]}" -c "$file" -o "$work/objects/${name//\//_}.o" &
    [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n
done
wait
[ "$(find "$work/objects" -name '*.o' | wc -l)" -eq "${#sources[@]}" ]
ar rcs "$work/libtorc.a" "$work/objects"/*.o

support=$source/tests/unit/support
read -r -a cmocka <<<"$(pkg-config --cflags --libs cmocka)"
for name in coroutine coroutine_cancel coroutine_generator coroutine_misuse coroutine_stack; do
    "$cc" "${flags[@]}" -o "$work/$name" "$source/tests/unit/deferred/${name}_test.c" \
        "$support/expect_abort.c" "$support/leave_child.c" "$support/failing_allocation.c" \
        "$support/failing_system_call.c" "$work/libtorc.a" "${cmocka[@]}" -lpthread
    "$work/$name" >"$work/said" 2>&1 || {
        cat "$work/said"
        exit 1
    }
    echo "$name: $(grep -c '  OK ' "$work/said") tests"
done
