"""Write CITATION.cff from the package's version and `references.bib`: `python docs/citation.py`.

A test compares the file with what this writes, so neither can be forgotten.
"""

from __future__ import annotations

import json
from pathlib import Path

from pybtex.database import Entry, Person, parse_file
from pybtex.richtext import Text

import saddles

__all__ = ["citation"]

ROOT = Path(__file__).parent.parent

HEAD = """\
cff-version: 1.2.0
message: "If you use this software, please cite it, and the papers whose algorithms you use."
title: saddles
abstract: >-
  Saddle-to-saddle learning dynamics: the staircase of training from a vanishing initialisation,
  predicted by discrete algorithms and checked against gradient flow.
type: software
version: {version}
license: MIT
authors:
  - name: The saddles developers
keywords:
  - alternating gradient flows
  - saddle-to-saddle dynamics
  - diagonal linear networks
  - implicit bias
  - feature learning
references:
"""
KINDS = {"article": "article", "book": "book", "inproceedings": "conference-paper"}


def citation() -> str:
    """Return the text of CITATION.cff."""
    entries = parse_file(str(ROOT / "docs" / "references.bib")).entries
    papers = [_reference(entries[key]) for key in sorted(entries)]
    return HEAD.format(version=saddles.__version__) + "".join(papers)


def _reference(entry: Entry) -> str:
    """Return a paper as an item of the list of references."""
    fields = entry.fields
    people = [_person(person) for person in entry.persons.get("author", [])]
    lines = [
        f"  - type: {KINDS.get(entry.type, 'generic')}",
        f"    title: {_quoted(fields['title'])}",
        "    authors:",
        *(people or ['      - name: "see the paper"']),
        f"    year: {fields['year']}",
    ]
    if "journal" in fields:
        lines.append(f"    journal: {_quoted(fields['journal'])}")
    if "booktitle" in fields:
        lines += ["    conference:", f"      name: {_quoted(fields['booktitle'])}"]
    if "url" in fields:
        lines.append(f"    url: {_quoted(fields['url'])}")
    return "\n".join(lines) + "\n"


def _person(person: Person) -> str:
    family = " ".join([*person.prelast_names, *person.last_names])
    given = " ".join([*person.first_names, *person.middle_names])
    return f"      - family-names: {_quoted(family)}\n        given-names: {_quoted(given)}"


def _quoted(text: str) -> str:
    return json.dumps(str(Text.from_latex(text)), ensure_ascii=False)


if __name__ == "__main__":
    (ROOT / "CITATION.cff").write_text(citation(), "utf-8")
