"""What pages quote of the tables, rows of agreement and sizes, is what the tables say."""

from dataclasses import replace

import pytest

import tables
from tables import agreement, pages


@pytest.mark.parametrize("name", tables.NAMES)
def test_every_check_of_a_table_is_in_one_row(name):
    for label, _ in agreement.checks(name):
        claims = [c for c in agreement.CLAIMS if c.table == name and c.names(label)]
        assert len(claims) == 1, label


def test_every_row_has_a_check():
    for claim in agreement.CLAIMS:
        assert any(claim.names(label) for label, _ in agreement.checks(claim.table)), claim.labels


def test_pages_quote_what_the_tables_say():
    made = pages.pages()
    assert len(made) > 8
    for page, text in made.items():
        assert page.read_text("utf-8") == text, "run python -m tables.pages"


def test_a_row_has_the_worst_of_its_bounds():
    claim = next(c for c in agreement.CLAIMS if c.table == "modular_scales" and "worst" in c.labels)
    assert "3, relative" in claim.row("", "")
    one = replace(claim, labels="later frequencies at 0.01: worst")
    assert "0.6, relative" in one.row("", "")
