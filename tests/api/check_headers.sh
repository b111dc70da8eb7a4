#!/bin/bash
# check_headers: every header compiles alone, in C11 and C++17, pedantically and without a warning.
#
# Public headers are compiled as a user's compiler would: without our flags, in both languages. The
# private ones are for C alone, with the flags that the library has. COMPILERS may name C compilers;
# the C++ compiler that belongs to each is used where it is installed.
set -eu

source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
compilers=${COMPILERS:-${CC:-cc}}
warnings=(-Wall -Wextra -Wshadow -Wconversion -Werror -fsyntax-only)
failures=0
compiled=0

cxx_of()
{
    case $(basename "$1") in
    *clang*) echo "${1/clang/clang++}" ;;
    *gcc*) echo "${1/gcc/g++}" ;;
    *) echo c++ ;;
    esac
}

# A header is included twice: its guard is a part of what is checked. The declaration after it is there
# because a file without any is not C.
compile()
{
    local header=$1

    shift
    compiled=$((compiled + 1))
    printf '#include "%s"\n#include "%s"\nstruct alone;\n' "$header" "$header" | "$@" "${warnings[@]}" - || {
        echo "does not compile alone: $header ($*)"
        failures=$((failures + 1))
    }
}

for cc in $compilers; do
    cxx=$(cxx_of "$cc")
    command -v "$cxx" >/dev/null || {
        echo "no $cxx here: the headers are not compiled as C++"
        cxx=''
    }
    for header in "$source"/include/torc.h "$source"/include/torc/*.h; do
        compile "$header" "$cc" -x c -std=c11 -pedantic -I "$source/include"
        [ -z "$cxx" ] || compile "$header" "$cxx" -x c++ -std=c++17 -pedantic -I "$source/include"
    done
    while read -r header; do
        compile "$header" "$cc" -x c -std=c11 -D_GNU_SOURCE -I "$source/include" -I "$source/src" \
            -I "$source"
    done < <(cd "$source" && find src torcd -name '*.h' 2>/dev/null | sort | sed "s,^,$source/,")
done

echo "$compiled compilations, $failures failed"
[ "$failures" -eq 0 ]
