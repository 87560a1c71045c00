"""Check the docstring of every public name: `python docs/docstrings.py`, part of `make lint`.

numpydoc checks the sections; which of its checks count is in pyproject.toml. Three liberties: the
fields of a record are its attributes, an enumeration has no parameters, and a method may say in a
sentence what it takes and returns, if it names every parameter, or if the protocol that it
fulfils does. Six checks are our own: arrays have shapes, times have units, what can fail says
with what, what comes from a paper names it, functions have an example, and what is proved has its
condition in the same sentence. The last one is for pages too.
"""

from __future__ import annotations

import enum
import functools
import inspect
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from building import public_names
from numpydoc.docscrape import get_doc_object
from numpydoc.hooks.validate_docstrings import parse_config
from numpydoc.validate import Validator, validate

import saddles
from saddles.flow import Curve
from saddles.homogeneous import HomogeneousNetwork

__all__ = ["bare_claims", "checked_names", "problems"]

PROTOCOLS = (HomogeneousNetwork, saddles.MatrixLoss, Curve)

#: Names that are times wherever they occur, and words that say in which unit.
TIMES = {"delay", "jump_times", "mode_times", "t", "tau", "taus", "time", "times", "until"}
UNIT = re.compile(r"scaled|physical|log\(1/|θ'|units?\b|times?( t)? of the (gradient )?flow", re.I)

#: An array, and what says its shape: the word, or a tuple like (n, d), (q,) or ().
ARRAY = re.compile(r"\b(ndarray|array_like|arrays?)\b")
SHAPE = re.compile(r"\bshapes?\b|\((?:[\w ]+(?:[+−*/-] ?[\w ]+)*,[^)]*)?\)|scalar")

#: Parameters that are letters in a formula.
LETTERS = {"beta": "β", "tau": "τ", "theta": "θ"}

#: Where what comes from a paper lives.
FROM_PAPERS = ("agf", "flow", "implicit_bias", "kernel", "neuron", "conserved", "teacher_student")
PAPER = re.compile(r"arXiv:\d{4}\.\d{4,5}|\((19|20)\d\d\)|\b(18|19|20)\d\d\b")


#: That something is proved, and words that begin a condition (or say that it is not).
PROVED = re.compile(r"\bproved\b", re.I)
CONDITION = re.compile(
    r"\b(if|for|where|when|while|under|provided|unless|as long as|only|not|what is)\b", re.I
)


class _Docstring(Validator):
    """A docstring; functions that draw problems are rewritten by Hypothesis and have no source."""

    def __init__(self, obj_name: str) -> None:
        super().__init__(get_doc_object(_found(obj_name)))

    @property
    def method_source(self) -> str:
        """Return the source, where there is one."""
        try:
            return str(super().method_source)
        except OSError:
            return ""


def bare_claims(text: str) -> list[str]:
    """Return the sentences and rows of tables that call something proved without a condition."""
    blocks = re.split(r"\n\s*\n|\n(?=[ \t]*[|#*-])", re.sub(r"```.*?```", "", text, flags=re.S))
    prose = [" ".join(block.split()) for block in blocks if not block.lstrip().startswith("#")]
    rows = [[b] if b.startswith("|") else re.split(r"(?<=[.:?]) (?=[A-Z`*])", b) for b in prose]
    said = [sentence for block in rows for sentence in block if PROVED.search(sentence)]
    return [sentence for sentence in said if not CONDITION.search(sentence)]


def checked_names() -> Iterator[str]:
    """Yield every public name and, of classes, their own public methods and properties."""
    for full in public_names():
        yield full
        value = _found(full)
        if isinstance(value, type):
            for name, member in vars(value).items():
                kinds = types.FunctionType | property | classmethod | staticmethod
                if not name.startswith("_") and isinstance(member, kinds):
                    yield f"{full}.{name}"


def problems(name: str) -> list[str]:
    """Return what is wrong with the docstring of a public name, one sentence each."""
    doc = _Docstring(name)
    found = [
        f"{code} {message}"
        for code, message in validate(name, validator_cls=_Docstring)["errors"]
        if code in _checks() and not _liberty(code, name, doc)
    ]
    return [f"{name}: {text}" for text in [*found, *_own(name, doc)]]


@functools.cache
def _checks() -> set[str]:
    """Return the checks of numpydoc that count."""
    return set(parse_config(str(Path(__file__).parent.parent))["checks"])


def _found(full: str) -> Any:
    """Return the public object of that full name."""
    return functools.reduce(getattr, full.split(".")[1:], saddles)


def _is_method(name: str) -> bool:
    return isinstance(_found(name.rpartition(".")[0]), type)


def _liberty(code: str, name: str, doc: Validator) -> bool:
    """Whether one of the three liberties allows what a check of numpydoc found."""
    value = _found(name)
    if isinstance(value, type):
        described = set(doc.doc_all_parameters) | _attributes(value)
        asked = {p.lstrip("*") for p in doc.signature_parameters}
        exempt = issubclass(value, enum.Enum) or getattr(value, "_is_protocol", False)
        return code == "PR01" and (exempt or asked <= described)
    if code == "RT01" and doc.doc["Yields"]:
        return True
    if not _is_method(name):
        return False
    texts = [doc.raw_doc, *(_promised(name, protocol) for protocol in PROTOCOLS)]
    asked = {p.lstrip("*") for p in doc.signature_parameters}
    if code == "PR01":
        return any(all(_names(p, text) for p in asked) for text in texts)
    return code == "RT01" and re.search(r"\breturns?\b", doc.raw_doc, re.I) is not None


def _attributes(kind: type) -> set[str]:
    """Return the names of the attributes that a class and those above it describe."""
    entries = [a for k in kind.__mro__[:-1] for a in get_doc_object(k)["Attributes"]]
    return {name.strip() for entry in entries for name in entry.name.split(",")}


def _promised(name: str, protocol: type) -> str:
    """Return what a protocol says of a method, if the class of the method fulfils it."""
    owner, _, method = name.rpartition(".")
    promised = {m for m in dir(protocol) if not m.startswith("_")}
    fulfilled = promised <= set(dir(_found(owner)))
    return inspect.getdoc(getattr(protocol, method, None)) or "" if fulfilled else ""


def _names(parameter: str, text: str) -> bool:
    """Whether a text names a parameter, or has its letter in a formula."""
    word = re.search(rf"(?<!\w){re.escape(parameter)}(?!\w)", text)
    return word is not None or LETTERS.get(parameter, "\0") in text


def _own(name: str, doc: Validator) -> Iterator[str]:
    """Yield what is wrong with shapes, units, errors and sources."""
    sections = ("Parameters", "Other Parameters", "Attributes", "Returns", "Yields")
    entries = [entry for section in sections for entry in doc.doc[section]]
    for entry in entries:
        text = " ".join([entry.type, *entry.desc])
        if ARRAY.search(entry.type) and not SHAPE.search(text):
            yield f"the array {entry.name or entry.type!r} has no shape"
        if entry.name in TIMES and not UNIT.search(text):
            yield f"the time {entry.name!r} has no unit"
    for claim in bare_claims(doc.raw_doc):
        yield f"it says 'proved' without a condition: {claim!r}"
    value, room = _found(name), name.split(".")[1]
    if _is_method(name) or not inspect.isfunction(value):
        return
    if _raises(value) and not doc.doc["Raises"]:
        yield "it has no Raises section"
    if room != "testing" and not doc.doc["Examples"]:
        yield "it has no example"
    home = inspect.getdoc(inspect.getmodule(value)) or ""
    above = inspect.getdoc(getattr(saddles, room)) or "" if room in FROM_PAPERS else ""
    if room in FROM_PAPERS and not PAPER.search(f"{doc.raw_doc} {home} {above}"):
        yield "neither it nor its module names a paper"


def _raises(function: Any) -> bool:
    """Whether a function raises, or checks what it is given."""
    try:
        source = inspect.getsource(inspect.unwrap(function))
    except OSError:
        return False
    return re.search(r"\braise\b|\bchecks\.\w+\(", source) is not None


def main() -> int:
    """Print every problem, and return how many there are (at most 1, as an exit status)."""
    names = list(checked_names())
    found = [text for name in names for text in problems(name)]
    print("\n".join([*found, f"docstrings: {len(names)} public names, {len(found)} problems"]))
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main())
