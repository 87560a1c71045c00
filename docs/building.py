"""What the documentation needs of its own: pages of the public names, docstrings, pictures."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import markup
from captions import captioned

import saddles

__all__ = [
    "file_names",
    "forget_pictures",
    "prose",
    "public_names",
    "scrape_figures",
    "setup",
    "write_api_pages",
    "write_table_pages",
]

#: What `make tables` wrote.
RESULTS = Path(__file__).parent.parent / "tables" / "results"

#: Links that work in the repository, and what they are on these pages.
LINKS = (
    (re.compile(r"\]\((?:\.\./)+tables/results/(\w+)\.md\)"), r"](/tables/\1.md)"),
    (re.compile(r"\]\((?:\.\./)*examples/(plot_\w+)\.py\)"), r"](/gallery/\1.rst)"),
    (re.compile(r"\]\((?:\.\./)*examples/\)"), r"](/gallery/index.rst)"),
    (re.compile(r"\]\(docs/([\w/]+\.md)"), r"](/\1"),
    (re.compile(r"\]\((?:\.\./)*tutorials/(plot_\w+)\.py\)"), r"](/lessons/\1.rst)"),
)

#: The script that typesets formulas, as pages of the site name it.
MATHJAX = "mathjax/tex-chtml.js"

#: The public modules: the packages, and what others must offer to be trained by them.
ROOMS = (*saddles._ROOMS, "homogeneous")

#: Text in single backticks, and not in double ones.
QUOTED = re.compile(r"(?<![`:])`([\w.]+)`(?!`)")


@cache
def public_names() -> tuple[str, ...]:
    """Return the full name of everything public but the packages; of two names the shorter."""
    found: dict[int, str] = {}
    for room in ("", *ROOMS):
        home = importlib.import_module(f"saddles.{room}".rstrip("."))
        for name in home.__all__:
            if name not in (*ROOMS, "__version__"):
                full = ".".join(filter(None, ["saddles", room, name]))
                found.setdefault(id(getattr(home, name)), full)
    return tuple(found.values())


def file_names() -> dict[str, str]:
    """Return file names for the classes that differ from another name by their case alone."""
    names = public_names()
    lower = [name.lower() for name in names]
    rooms = [f"saddles.{room}" for room in ROOMS]
    return {
        name: f"{name}-class"
        for name in names
        if name != name.lower() and (lower.count(name.lower()) > 1 or name.lower() in rooms)
    }


def write_api_pages(folder: Path) -> None:
    """Write one page for the package and one for each of its rooms, from their ``__all__``."""
    folder.mkdir(exist_ok=True)
    for room in ("", *ROOMS):
        module = f"saddles.{room}" if room else "saddles"
        prefix = f"{module}."
        names = [n.removeprefix(prefix) for n in public_names() if n.rpartition(".")[0] == module]
        text = [module, "=" * len(module), "", f".. automodule:: {module}", ""]
        text += [f".. currentmodule:: {module}", "", ".. autosummary::", "   :toctree: names", ""]
        text += [f"   {name}" for name in sorted(names, key=str.lower)]
        _write(folder / f"{module}.rst", text)
    pages = [f"   saddles.{room}" for room in ROOMS]
    _forget(folder / "names", {file_names().get(name, name) for name in public_names()})
    index = ["Reference", "=========", "", "Every public name, as its docstring has it.", ""]
    _write(folder / "index.rst", [*index, ".. toctree::", "", "   saddles", *pages])


def write_table_pages(folder: Path) -> None:
    """Write one page for each comparison table, as `make tables` left it, and their index."""
    folder.mkdir(exist_ok=True)
    names = sorted(file.stem for file in RESULTS.glob("*.md"))
    for name in names:
        include = [f"```{{include}} ../../tables/results/{name}.md", ":relative-images:", "```"]
        _write(folder / f"{name}.md", include)
    _forget(folder, {*names, "index"})
    index = ["# Comparison tables", "", "As `make tables` left them, from its last run.", ""]
    _write(folder / "index.md", [*index, "```{toctree}", ":maxdepth: 1", "", *names, "```"])


def forget_pictures(examples: Path, gallery: Path) -> None:
    """Remove the pages of examples that are no more; sphinx-gallery would leave them."""
    for page in gallery.glob("plot_*.rst"):
        if not (examples / f"{page.stem}.py").exists():
            for file in gallery.glob(f"{page.stem}.*"):
                file.unlink()


def _forget(folder: Path, keep: set[str]) -> None:
    """Remove the pages of what is no more."""
    for page in [*folder.glob("*.rst"), *folder.glob("*.md")]:
        if page.stem not in keep:
            page.unlink()


def _write(file: Path, lines: list[str]) -> None:
    """Write a page, but only if it has changed: unchanged ones are not built again."""
    text = "\n".join(lines) + "\n"
    if not file.exists() or file.read_text("utf-8") != text:
        file.write_text(text, "utf-8")


def _mend(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Make a docstring reStructuredText: norms are not substitutions, and names are links."""
    lines[:] = prose(lines, lambda text: QUOTED.sub(lambda m: _linked(m[1], name), text))


def prose(lines: list[str], change: Callable[[str], str] = str) -> list[str]:
    """Return lines of reStructuredText, their prose changed and with its formulas typeset."""
    made: list[str] = []
    code = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if code is not None and line.strip() and indent <= code:
            code = None
        session = line.lstrip().startswith(">>>")
        made.append(line if code is not None or session else markup.restructured(change(line)))
        if code is None and (line.rstrip().endswith("::") or line.lstrip().startswith(".. ")):
            code = indent
    return made


def _linked(text: str, name: str) -> str:
    """Return a link to the public name that `text` means in the docstring of `name`, or code."""
    for home in (name.rpartition(".")[0], ".".join(name.split(".")[:2]), "saddles", ""):
        full = f"{home}.{text}".lstrip(".")
        if full in public_names():
            return f":obj:`{text} <{full}>`"
        if full in {f"saddles.{room}" for room in ROOMS}:
            return f":mod:`{text} <{full}>`"
    return f"``{text}``"


def _skip(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what scikit-learn adds to every estimator to route metadata."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def scrape_figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the matplotlib figures that a block of an example has named; return them captioned."""
    from matplotlib.figure import Figure

    figures, script = [], Path(block_vars["src_file"]).stem
    for value in list(block_vars["example_globals"].values()):
        if isinstance(value, Figure) and not getattr(value, "in_gallery", False):
            value.in_gallery = True  # type: ignore[attr-defined]
            file = Path(next(block_vars["image_path_iterator"]))
            value.savefig(file, dpi=100, transparent=True)
            image = file.relative_to(gallery_conf["src_dir"]).as_posix()
            figures.append(captioned(image, script))
    return "".join(figures)


def _on_site(text: str) -> str:
    """Turn links to files of the repository into links to their pages, and typeset formulas."""
    for pattern, replacement in LINKS:
        text = pattern.sub(replacement, text)
    return markup.markdown(text)


def _relink(app: Any, page: str, source: list[str]) -> None:
    """Do so on a page in Markdown, and typeset the formulas of the gallery and the lessons."""
    if Path(app.env.doc2path(page)).suffix == ".md":
        source[0] = _on_site(source[0])
    elif page.startswith(("gallery/", "lessons/")):
        source[0] = "\n".join(prose(source[0].split("\n")))


def _relink_included(app: Any, path: Path, page: str, source: list[str]) -> None:
    """Do the same for what a page includes: tables, and the changelog.

    MyST passes the page by its last name only, so the file's own ending decides.
    """
    if path.suffix == ".md":
        source[0] = _on_site(source[0])


def _copy_mathjax(app: Any, failure: Exception | None) -> None:
    """Copy MathJax and its fonts into the site, from the package that ships them."""
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if failure or package is None or package.origin is None:
        return
    files = Path(package.origin).parent / "static"
    for file in [files / MATHJAX, *files.glob("mathjax/output/chtml/fonts/**/*.woff")]:
        copy = Path(app.outdir) / "_static" / file.relative_to(files)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _forget_pages(app: Any, failure: Exception | None) -> None:
    """Remove the pages of the site that are made no more; Sphinx would leave them."""
    kept = {*app.env.found_docs, "genindex", "search", "py-modindex"}
    site = Path(app.outdir)
    for page in site.rglob("*.html"):
        name = page.relative_to(site).with_suffix("").as_posix()
        if name not in kept and not name.startswith(("_static/", "_modules/", "_downloads/")):
            page.unlink()


def setup(app: Any) -> dict[str, bool]:
    """Register the docstrings' mending with Sphinx, after numpydoc's."""
    app.connect("autodoc-process-docstring", _mend, priority=900)
    app.connect("source-read", _relink)
    app.connect("include-read", _relink_included)
    app.connect("autodoc-skip-member", _skip)
    app.connect("build-finished", _copy_mathjax)
    app.connect("build-finished", _forget_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
