"""A row of agreement: what a committed table compares, on what, and the largest difference.

A claim names what is compared, on what, and the checks of one table that bound the difference. Its
row shows the largest of their tolerances. Every check of every table belongs to one claim, which a
test holds, so the worst case cannot be left out. `tables.pages` writes the rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tables.table import RESULTS

__all__ = ["EXTRAPOLATED", "PF", "SAME_DATA", "Claim", "checks"]


@dataclass(frozen=True)
class Claim:
    """One row: what is `compared` on which `data`, bounded by `labels` (a pattern) of a `table`.

    Without `data` they are those of the claim before.
    `difference` says of what the bound is a bound. Claims with `first` are in README too.
    """

    table: str
    labels: str
    compared: str
    data: str
    difference: str = "{}, relative"
    first: bool = False

    def row(self, data: str, folder: str) -> str:
        """Return the row of a Markdown table, with `data` and the link to the comparison table."""
        bound = max(tolerance for label, tolerance in checks(self.table) if self.names(label))
        size = re.sub(r"e([+-])0", r"e\1", f"{bound:.0e}") if bound < 1e-3 else f"{bound:g}"
        link = f"[{self.table}]({folder}/{self.table}.md)"
        cells = (self.compared, data, self.difference.format(size), link)
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    def names(self, label: str) -> bool:
        """Whether the claim is about the check of that label."""
        return re.fullmatch(self.labels, label) is not None


def checks(table: str) -> list[tuple[str, float]]:
    """Return labels and tolerances of the checks of a committed table; all of them passed."""
    text = (RESULTS / f"{table}.md").read_text("utf-8").partition("\nAgreement:\n")[2]
    return [(m[1], float(m[2])) for m in re.finditer(r"^- (.*): <= (\S+)$", text, re.MULTILINE)]


PF = "`pesme_flammarion`"
#: On what the row above is.
SAME_DATA = ""
EXTRAPOLATED = "{}, relative, extrapolated to α → 0"
