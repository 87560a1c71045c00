"""The page about statuses has each of them, in its own words and with an input that ends so."""

import re

import pytest

from saddles import Status
from tests.docs.test_docs import DOCS

PAGE = (DOCS / "when_it_stops.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE))


def test_the_page_has_every_status_and_no_other():
    assert sorted(SECTIONS) == sorted(status.name for status in Status)


@pytest.mark.parametrize("status", Status)
def test_a_section_says_what_the_status_says_and_shows_an_input(status):
    words = " ".join(SECTIONS[status.name].split())
    assert f"**What happened.** {status.cause}" in words
    assert f"**What to do.** {status.remedy}" in words
    assert re.search(rf"^\(?Status\.{status.name}\b", SECTIONS[status.name], re.MULTILINE)
