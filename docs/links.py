"""Check the built site: `python docs/links.py docs/_build/html`.

Every link within the site leads to a page or a place on it that exists, and no page needs the
network to be read. Sphinx checks what it has resolved itself; this also sees the HTML of pages that
compute, styles, scripts, pictures and downloads.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["broken"]

#: What a browser loads by itself, as against what a reader may follow.
LOADED = ("script", "img", "link", "iframe", "source")


class Page(HTMLParser):
    """The links of a page, and the places on it to which others may lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.places = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where an element leads, and what it is called."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append((tag, value))
            elif name in ("id", "name") and value:
                self.places.add(value)


@cache
def _page(file: Path) -> Page:
    return Page(file.read_text("utf-8"))


def broken(site: Path) -> list[str]:
    """Return a line for every link that leads nowhere, and for all that is loaded from outside."""
    found = []
    for file in sorted(site.rglob("*.html")):
        for tag, link in _page(file).links:
            problem = _problem(file, tag, link)
            if problem:
                found.append(f"{file.relative_to(site)}: {link}: {problem}")
    return found


def _problem(file: Path, tag: str, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        outside = tag in LOADED and parts.scheme != "data"
        return "a page must not load anything from outside the site" if outside else None
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_file() and not (target / "index.html").is_file():
        return "no such file"
    if target.suffix == ".html" and unquote(parts.fragment) not in _page(target).places:
        return "no such place on the page"
    return None


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]).resolve())
    print("\n".join(lines) or "links: all within the site lead somewhere")
    sys.exit(bool(lines))
