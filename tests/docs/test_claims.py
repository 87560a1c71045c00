"""What is called proved has its condition beside it, on every page."""

import pytest

from tests.docs.test_docs import DOCS, PAGES, ROOT, docstrings

__all__ = ["docstrings"]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_a_claim_has_its_condition(docstrings, page):
    assert docstrings.bare_claims(page.read_text("utf-8")) == []


def test_a_claim_without_a_condition_is_found(docstrings):
    bare = "The order is proved."
    good = "It is proved if the data are\nin general position. The times are not proved."
    text = (
        f"# What is proved\n\n{bare} {good}\n\n| the end | proved |\n| times | proved for n < d |\n"
    )
    assert docstrings.bare_claims(text) == [bare, "| the end | proved |"]


def test_the_page_of_proofs_has_a_condition_in_every_row():
    rows = [r for r in (DOCS / "proved.md").read_text("utf-8").splitlines() if r.startswith("| ")]
    claims = [row.replace(r"\|", "").split(" | ") for row in rows]
    for claim in claims:
        assert len(claim) == 5, claim
        assert claim[1] in ("status", "proved", "derived", "conjectured", "false"), claim
        assert claim[1] != "proved" or claim[2].startswith(("if", "for", "as long as")), claim
