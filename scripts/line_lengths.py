#!/usr/bin/env python3
"""Names the lines of C, Python, shell and Markdown sources that are longer than .editorconfig allows. `make lint` runs it.

Markdown's tables, code blocks and terms of definition lists may be longer, as may a line that is one link. Exit code 1: there is a
longer line.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
FIXTURES = "Tests/Fixtures/"


def limits():
    """The limit of each extension that .editorconfig names."""
    found, extensions = {}, []
    with open(os.path.join(ROOT, ".editorconfig"), encoding="utf-8") as f:
        for line in f:
            if section := re.fullmatch(r"\[\*\.\{(.+)\}\]", line.strip()):
                extensions = section[1].split(",")
            elif line.startswith("["):
                extensions = []
            elif limit := re.fullmatch(r"max_line_length\s*=\s*(\d+)", line.strip()):
                found.update(dict.fromkeys(extensions, int(limit[1])))
    return found


def long_lines(path, limit):
    """The numbers and lengths of the lines that are too long."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        lines = f.read().split("\n")
    is_markdown, in_code = path.endswith(".md"), False
    for number, (line, following) in enumerate(zip(lines, lines[1:] + [""]), 1):
        if is_markdown and line.lstrip().startswith("```"):
            in_code = not in_code
        is_free = is_markdown and (in_code or line.lstrip().startswith("|") or following.startswith(":   ")
                                   or re.fullmatch(r"\S*!?\[[^]]*\]\(\S+\)\S*", line))
        if len(line) > limit and not is_free:
            yield number, len(line)


def main():
    allowed = limits()
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    is_good = True
    for path in sorted(filter(None, listing.split("\0"))):
        limit = allowed.get(path.rsplit(".", 1)[-1])
        if limit is None or path.startswith(FIXTURES) or not os.path.isfile(os.path.join(ROOT, path)):
            continue
        for number, length in long_lines(path, limit):
            is_good = False
            print(f"{path}:{number}: {length} characters; the limit is {limit}", file=sys.stderr)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
