"""What written pages quote of the tables: rows of agreement, and sizes that were measured.

``python -m tables.pages`` writes both into the pages, each between two marks:

- ``<!-- rows ... -->`` to ``<!-- end of rows -->``: the claims of `tables.agreement`;
- ``<!-- sizes of NAME; NAME -->`` to ``<!-- end of sizes -->``: rows of ``tables/sizes.md``.
"""

from __future__ import annotations

import re
from pathlib import Path

from tables.agreement import CLAIMS
from tables.sizes import FILE

__all__ = ["main", "pages"]

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
ROWS = re.compile(r"(<!-- rows[^>]*-->\n).*?(<!-- end of rows -->)", re.DOTALL)
SIZES = re.compile(r"(<!-- sizes of ([^>]*) -->\n).*?(<!-- end of sizes -->)", re.DOTALL)


def pages() -> dict[Path, str]:
    """Return the pages that quote a table, with the text that they should have now."""
    docs = ROOT / "docs"
    texts = {p: p.read_text("utf-8") for p in (README, *docs.glob("*.md"), *docs.glob("*/*.md"))}
    quoting = {page: t for page, t in texts.items() if ROWS.search(t) or SIZES.search(t)}
    return {page: _quoted(text, page == README) for page, text in quoting.items()}


def _quoted(text: str, first: bool) -> str:
    """Return the text of a page with what it quotes: in README, the first rows of agreement."""
    return SIZES.sub(_sizes, ROWS.sub(lambda mark: _rows(mark, first), text))


def _rows(mark: re.Match[str], first: bool) -> str:
    """Return the rows of agreement between their marks: all of them, or the first ones."""
    folder = "tables/results" if first else "../tables/results"
    rows, data = ["| compared | on | largest difference | table |", "|---|---|---|---|"], ""
    for claim in CLAIMS:
        data = claim.data or data
        if claim.first or not first:
            rows.append(claim.row(data, folder))
    return "\n".join([mark[1].rstrip(), *rows, mark[2]])


def _sizes(mark: re.Match[str]) -> str:
    """Return the measured sizes of the algorithms that a mark names."""
    rows = ["| | size | in a second | in a minute | in ten minutes |", "|---|---|---|---|---|"]
    for name in mark[2].split("; "):
        cells = next(_cells(row) for row in _measured() if row.startswith(f"| `{name}`"))
        rows.append(f"| {' | '.join(cells[:5])} |")
    return "\n".join([mark[1].rstrip(), *rows, mark[3]])


def _measured() -> list[str]:
    return [line for line in FILE.read_text("utf-8").splitlines() if line.startswith("| `")]


def _cells(row: str) -> list[str]:
    """Return the cells of a row; sizes have their seconds after a colon, and a sign for "by"."""
    cells = [cell.strip().replace(" x ", " × ") for cell in row.strip("|").split("|")]
    return [re.sub(r" \((.* s)\)$", r": \1", cell) for cell in cells]


def main() -> None:
    """Write what is quoted into the pages."""
    for page, text in pages().items():
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
