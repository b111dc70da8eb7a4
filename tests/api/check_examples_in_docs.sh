#!/bin/bash
# check_examples_in_docs: where a page shows an example as a whole, it shows what is built and run.
#
# A page shows a file as a whole by a link to it, a line that ends with ":" and the text of the file in
# a block of C.
set -eu

source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v python3 >/dev/null || {
    echo "skipped: there is no python3"
    exit 77
}

python3 - "$source" <<'END'
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
shown = 0
wrong = 0
for page in sorted(root.glob("docs/**/*.md")):
    pattern = r"\]\(\.\./(examples/\w+\.c)\)[^\n]*:\n\n```c\n(.*?)```\n"
    for name, text in re.findall(pattern, page.read_text(), re.DOTALL):
        shown += 1
        if text != (root / name).read_text():
            wrong += 1
            print(f"{page.relative_to(root)}: not what is in {name}")
if shown == 0:
    sys.exit("no page shows an example as a whole: is the pattern wrong?")
print(f"{shown} examples shown as a whole, {wrong} differ")
sys.exit(wrong != 0)
END
