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

#: What commands print is compared by its words, for the widths of columns are their own affair.
CHECKER, LOOSELY = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

#: A fenced block: its language and its lines.
FENCE = re.compile(r"^```(pycon|python|console|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run_page(page: Path, folder: Path) -> int:
    """Run the examples of `page` in `folder`, which holds what they read, and count them.

    `pycon` blocks are sessions, with what they print; a `python` block is a script, and a `text`
    block right after it is what it prints; `console` blocks are `saddles` commands, with what they
    print, if that is shown ("..." for what may vary). All blocks of a page share their names.
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
    """Run the lines of a shell that use `saddles`; others (an installation) are left alone."""
    programs = folder / ".programs"
    programs.mkdir(exist_ok=True)
    for name, module in (("saddles", "-m saddles"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module} "$@"\n')
        program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUTF8": "1",
    }
    ran = 0
    for part in filter(None, re.split(r"^\$ ", block, flags=re.MULTILINE)):
        line, _, shown = part.partition("\n")
        if not re.search(r"(^|\| *)saddles ", line):
            continue
        run = subprocess.run(
            ["sh", "-c", line],
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
        if shown:
            assert CHECKER.check_output(shown, run.stdout, LOOSELY), f"{line}:\n{run.stdout}"
        else:
            assert run.returncode == 0, f"{line}: {run.stderr}"
        ran += 1
    return ran
