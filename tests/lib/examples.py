#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
"""Examples of the manual pages, as a reader sees them: blocks (.Bd -literal) and lines
(.Dl).

Usage: examples.py FOLDER

Writes each example to FOLDER/PAGE/NUMBER, and prints a line "PAGE NUMBER" for each.
Numbers of a page begin with 1.
"""

import collections
import re
import sys
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "Documentation/man"
ESCAPES = {"e": "\\", "-": "-", "&": ""}
# displays that the pages do not use, which nothing here could extract
OTHERS = re.compile(r"\.(Bd(?! -literal\b)|D1|nf|EX)\b")

Example = collections.namedtuple("Example", "sentence text")


def seen(line):
    """A line as a reader sees it; raises KeyError for an escape unknown here."""
    return re.sub(r"\\(.)", lambda found: ESCAPES[found[1]], line) + "\n"


def examples(page):
    """All examples of a page, each with the sentence above it."""
    found, sentence, block = [], [], None
    for line in (PAGES / page).read_text(encoding="utf-8").splitlines():
        assert not OTHERS.match(line), f"{page}: a display of another kind: {line}"
        if block is not None and line == ".Ed":
            found.append(Example(" ".join(sentence), "".join(block)))
            sentence, block = [], None
        elif block is not None:
            assert not line.startswith((".", "'")), f"{page}: a macro: {line}"
            block.append(seen(line))
        elif line.startswith(".Bd "):
            block = []
        elif line.startswith(".Dl "):
            found.append(Example(" ".join(sentence), seen(line.removeprefix(".Dl "))))
        elif line.startswith((".Pp", ".Sh ", ".Ss ")):
            sentence = []
        else:
            sentence.append(line)
    return found


def main(folder):
    """Writes and lists the examples of all pages."""
    for page in sorted(path.name for path in PAGES.iterdir()):
        for number, example in enumerate(examples(page), 1):
            path = Path(folder, page, str(number))
            path.parent.mkdir(exist_ok=True)
            path.write_text(example.text, encoding="utf-8")
            print(page, number)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
