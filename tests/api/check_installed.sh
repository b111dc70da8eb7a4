#!/bin/bash
# check_installed: an installed Torc can be found, compiled against, linked in both ways, and run.
#
# The build in BUILD is installed into a folder of its own. A consumer is made with pkg-config
# (shared, then static) and with CMake's find_package (shared, then static), from copies outside of
# the source tree, so that nothing but the installation can be found.
set -eu

source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=$(cd "${BUILD:-$source/build}" && pwd)
cc=${CC:-cc}

for tool in pkg-config cmake nm; do
    command -v "$tool" >/dev/null || {
        echo "skipped: there is no $tool"
        exit 77
    }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >"$work/install.log"
cp "$source/tests/api/consumer.c" "$source/tests/api/web_consumer.c" \
    "$source/tests/api/tls_consumer.c" "$source/examples/greeter_test.c" "$work/"
cd "$work"

libdir=$(dirname "$(find "$prefix" -name libtorc.a)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
warnings=(-std=c11 -Wall -Wextra -Werror)
has_web=no
[ ! -e "$PKG_CONFIG_PATH/torc-web.pc" ] || has_web=yes
has_tls=no
[ ! -e "$PKG_CONFIG_PATH/torc-tls.pc" ] || has_tls=yes
has_testing=no
[ ! -e "$PKG_CONFIG_PATH/torc-testing.pc" ] || has_testing=yes

# A program may use any name but ours. ("torc__" is what Torc's libraries share among themselves.)
for library in "$libdir"/libtorc*.so; do
    foreign=$(nm -D --defined-only "$library" | awk '{ print $3 }' | grep -v '^torc_' || true)
    if [ -n "$foreign" ]; then
        printf '%s has names that are not its own:\n%s\n' "$(basename "$library")" "$foreign"
        exit 1
    fi
done

# consume PACKAGE SOURCE: compiles, links and runs it, shared and static.
consume()
{
    local cflags libs static_libs

    pkg-config --exists --print-errors "$1"
    read -ra cflags < <(pkg-config --cflags "$1")
    read -ra libs < <(pkg-config --libs "$1")
    read -ra static_libs < <(pkg-config --static --libs "$1")

    echo "pkg-config, $1, shared"
    "$cc" "${warnings[@]}" "${cflags[@]}" "$2" -o consumer_shared "${libs[@]}"
    LD_LIBRARY_PATH=$libdir ./consumer_shared

    echo "pkg-config, $1, static"
    "$cc" "${warnings[@]}" "${cflags[@]}" "$2" -static -o consumer_static "${static_libs[@]}"
    ./consumer_static
}

consume torc consumer.c
[ $has_web = no ] || consume torc-web web_consumer.c
[ $has_tls = no ] || consume torc-tls tls_consumer.c
[ $has_testing = no ] || consume torc-testing greeter_test.c

echo "CMake, shared and static"
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(consumer C)
find_package(torc 0.1 REQUIRED COMPONENTS core)
find_package(torc QUIET COMPONENTS nothing_of_this_name)
if(torc_FOUND)
    message(FATAL_ERROR "a component that is not installed was found")
endif()
add_executable(cmake_shared consumer.c)
target_link_libraries(cmake_shared PRIVATE torc::core)
add_executable(cmake_static consumer.c)
target_link_libraries(cmake_static PRIVATE torc::core_static)
if(TARGET torc::web)
    add_executable(cmake_web web_consumer.c)
    target_link_libraries(cmake_web PRIVATE torc::web)
    add_executable(cmake_web_static web_consumer.c)
    target_link_libraries(cmake_web_static PRIVATE torc::web_static)
endif()
if(TARGET torc::tls)
    add_executable(cmake_tls tls_consumer.c)
    target_link_libraries(cmake_tls PRIVATE torc::tls)
    add_executable(cmake_tls_static tls_consumer.c)
    target_link_libraries(cmake_tls_static PRIVATE torc::tls_static)
endif()
if(TARGET torc::testing)
    add_executable(cmake_testing greeter_test.c)
    target_link_libraries(cmake_testing PRIVATE torc::testing)
    add_executable(cmake_testing_static greeter_test.c)
    target_link_libraries(cmake_testing_static PRIVATE torc::testing_static)
endif()
END
{
    cmake -S . -B out -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc"
    cmake --build out
} >cmake.log 2>&1 || {
    cat cmake.log
    exit 1
}
./out/cmake_shared
./out/cmake_static
if [ $has_web = yes ]; then
    ./out/cmake_web
    ./out/cmake_web_static
fi
if [ $has_tls = yes ]; then
    ./out/cmake_tls
    ./out/cmake_tls_static
fi
if [ $has_testing = yes ]; then
    ./out/cmake_testing
    ./out/cmake_testing_static
fi

if [ -e "$build/torcd" ]; then
    echo "the daemon"
    "$prefix/bin/torcd" --version
fi
