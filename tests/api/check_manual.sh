#!/bin/bash
# check_manual: torcd(1) names every option that `torcd --help` and the plugins' own help name, and no
# other. A page that lags behind the program is worse than none.
set -eu

source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${BUILD:-$source/build}
torcd=$build/torcd
page=$source/man/torcd.1

[ -x "$torcd" ] || {
    echo "skipped: this build has no torcd"
    exit 77
}

options_of_help()
{
    sed -n 's/^ *--\([a-z0-9-]*\).*/\1/p'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$torcd" --help >"$work/help"
{
    options_of_help <"$work/help"
    sed -n '/^Plugins:/,/^$/s/^  \([a-z0-9-]*\) .*/\1/p' "$work/help" | while read -r plugin; do
        "$torcd" "$plugin" --help | options_of_help
        grep -q "^\.Ss $plugin\$" "$page" || echo "no-section-on-$plugin"
    done
} | sort -u >"$work/program"
sed -n 's/^\.It Fl -\([a-z0-9-]*\).*/\1/p' "$page" | sort -u >"$work/page"

[ -s "$work/program" ] || {
    echo "torcd --help names no option"
    exit 1
}
if ! diff "$work/program" "$work/page" >"$work/difference"; then
    echo "torcd --help (<) and torcd(1) (>) differ:"
    grep '^[<>]' "$work/difference"
    exit 1
fi
echo "$(wc -l <"$work/page") options, in the help and on the page"
