"""Where prose is on a page in Markdown or reStructuredText, and its formulas typeset there."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest

from formulas import typeset

__all__ = ["KEPT_BLOCKS", "KEPT_IN_MARKDOWN", "KEPT_IN_RESTRUCTURED", "markdown", "restructured"]

#: What Markdown keeps as it is: fences, headings and targets; in a line, code, roles, TeX, links.
KEPT_BLOCKS = re.compile(
    r"^(?P<fence>```|~~~).*?^(?P=fence)[ ]*$|^#.*?$|^\(\S+\)=$|^[ ]*\$\$.*?\$\$",
    re.DOTALL | re.MULTILINE,
)
#: Fences that hold prose, after their options.
PROSE_IN_FENCE = re.compile(
    r"^(```\{(?:figure|note|tip|warning|admonition|container)\}.*\n)((?:.*\n)*?)(```[ ]*)$",
    re.MULTILINE,
)
KEPT_IN_MARKDOWN = re.compile(
    r"(?:\{[\w:]+\})?(?P<tick>`+)(?:(?!(?P=tick)).)+?(?P=tick)|\]\([^)]*\)|\$[^$\n]+\$"
    r"|<[A-Za-z/!][^>]*>|https?://\S+|arXiv:\S+",
    re.DOTALL,
)
KEPT_IN_RESTRUCTURED = re.compile(r"``.*?``|:[\w:]+:`[^`]*`|`[^`]*`_{0,2}|https?://\S+|\*\*.*?\*\*")
#: The escaped space that parts a formula from a word, where a space or the end of a line does so.
#: It has to go: at the end of a line it would take the line's break with it.
NEXT_TO_SPACE = re.compile(r"(?<!\S)\\ (?=:math:)|(?<=`)\\ (?!\S)")
#: A formula among literals, for its bars: code has none, and writes powers with two stars.
LITERAL_FORMULA = re.compile(r"``((?:(?!``|\*\*).)*(?:[|²ᵀ½^]|sqrt\()(?:(?!``|\*\*).)*)``")


def markdown(text: str) -> str:
    """Return a page in Markdown with its formulas as TeX."""

    def prose(part: str) -> str:
        return typeset(part, "{{math}}`{}`".format)

    def cell(part: str) -> str:
        return prose(part.replace(r"\|", "|")).replace("|", r"\|")

    def block(part: str) -> str:
        lines = re.split(r"(^[ ]*\|.*\|[ ]*$)", part, flags=re.MULTILINE)
        lines[::2] = [_outside(KEPT_IN_MARKDOWN, line, prose) for line in lines[::2]]
        for k in range(1, len(lines), 2):
            cells = re.split(r"(?<!\\)\|", lines[k])
            lines[k] = "|".join(_outside(KEPT_IN_MARKDOWN, part, cell) for part in cells)
        return "".join(lines)

    def directive(found: re.Match[str]) -> str:
        lines = re.split(r"(^:.*$)", found[2], flags=re.MULTILINE)
        lines[::2] = [block(part) for part in lines[::2]]
        return found[1] + "".join(lines) + found[3]

    parts = PROSE_IN_FENCE.split(text)
    whole = (_outside(KEPT_BLOCKS, part, block) for part in parts[::4])
    fences = (directive(found) for found in PROSE_IN_FENCE.finditer(text))
    return "".join(part for pair in zip_longest(whole, fences, fillvalue="") for part in pair)


def restructured(text: str) -> str:
    """Return prose in reStructuredText with its formulas as TeX, and other bars as bars."""

    def wrap(tex: str) -> str:
        return f"\\ :math:`{tex}`\\ "

    def prose(part: str) -> str:
        made = re.split(r"(\\ :math:`[^`]*`\\ )", typeset(part, wrap))
        made[::2] = [re.sub(r"(?<!\\)\|", r"\\|", piece) for piece in made[::2]]
        return "".join(made)

    def literal(code: re.Match[str]) -> str:
        tex: list[str] = []
        rest = typeset(code[1], lambda formula: tex.append(formula) or "")
        return wrap(tex[0]) if len(tex) == 1 and not rest else code[0]

    made = _outside(KEPT_IN_RESTRUCTURED, LITERAL_FORMULA.sub(literal, text), prose)
    return NEXT_TO_SPACE.sub("", made)


def _outside(kept: re.Pattern[str], text: str, change: Callable[[str], str]) -> str:
    out, at = [], 0
    for part in kept.finditer(text):
        out += [change(text[at : part.start()]), part[0]]
        at = part.end()
    return "".join([*out, change(text[at:])])
