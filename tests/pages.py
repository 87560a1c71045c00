"""Run a page of documentation from top to bottom: sessions, scripts and commands, in one folder."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

#: A fenced block: its language and its lines.
FENCE = re.compile(r"^```(pycon|python|console|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run_page(page: Path, folder: Path) -> int:
    """Run the examples of `page` in `folder`, which holds what they read, and count them.

    `pycon` blocks are sessions, with what they print; a `python` block is a script, and a `text`
    block right after it is what it prints; `console` blocks are shell commands with `saddles`, with
    what they print, if that is shown: its words, line by line, for the widths of columns are their
    own affair. All blocks of a page share their names.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    ran, printed = 0, None
    for language, block in FENCE.findall(page.read_text("utf-8")):
        if language == "pycon":
            ran += _session(block, names, page.name)
        elif language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block, page.name, "exec"), names)
            ran += 1
        elif language == "console":
            ran += _commands(block, folder)
        elif printed is not None:
            assert printed == block, page.name
        printed = output.getvalue() if language == "python" else None
    return ran


def _session(block: str, names: dict[str, Any], name: str) -> int:
    """Run a session; blank lines end nothing but what is printed."""
    test = doctest.DocTestParser().get_doctest(block, names, name, name, 0)
    test.globs = names
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed, tried = runner.run(test, out=report.write, clear_globs=False)[:2]
    assert failed == 0, report.getvalue()
    return int(tried)


def _commands(block: str, folder: Path) -> int:
    """Run the commands in which `saddles` has a part; others (an installation) are left alone."""
    commands = [part for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    ran = 0
    for part in commands:
        line, _, shown = part.partition("\n")
        if "saddles " not in line or "pip " in line:
            continue
        python = shlex.quote(sys.executable)
        own = line.replace("python -c", f"{python} -c").replace("saddles ", f"{python} -m saddles ")
        run = subprocess.run(
            ["bash", "-c", own],
            cwd=folder,
            env=os.environ | {"PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert run.returncode == (2 if "saddles: error" in shown else 0), f"{line}: {run.stderr}"
        assert not shown or _same(shown, run.stdout), f"{line}:\n{run.stdout}"
        ran += 1
    return ran


def _same(shown: str, printed: str) -> bool:
    """Whether the words agree, line by line; three dots stand for any."""
    wanted, got = (
        "".join(" ".join(line.split()) + "\n" for line in text.splitlines())
        for text in (shown, printed)
    )
    return doctest.OutputChecker().check_output(wanted, got, doctest.ELLIPSIS)
