"""Typeset formulas: prose writes them in Unicode, readable in a terminal, and pages show TeX.

The pages, tables and docstrings say |y − Xβ|²/(2n). `typeset` finds such formulas in prose by a
small grammar and hands each one, as TeX, to the markup of the page. What the grammar does not
accept stays as it is written.

======== =================================================
name     grammar
======== =================================================
chain    sum (relation sum)*
sum      sign? product ((+ or −) product)*
product  factor ((· or / or ⊙ or nothing) factor)*
factor   atom, then primes, indices and powers
atom     number, letter, √, function, or chains in brackets
======== =================================================
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["typeset"]

GREEK_NAMES = (
    "alpha beta gamma delta varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau"
    " varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
GREEK = dict(zip("αβγδεζηθκλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ", GREEK_NAMES.split(), strict=True))
#: Greek letters that docstrings spell, since they are names of arguments too.
SPELLED = ("alpha", "beta", "delta", "theta", "rho", "tau", "Psi", "psi", "eta", "lambda", "gamma")
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀⁿ½", [*"0123456789+-", r"\top", "n", "1/2"], strict=True))
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊", "0123456789+", strict=True))
SIGNS = {
    "½": r"\tfrac12",
    "⅓": r"\tfrac13",
    "∞": r"\infty",
    "ℓ": r"\ell",
    "…": r"\ldots",
    "⋯": r"\cdots",
    "∇": r"\nabla",
    "∂": r"\partial",
    "⊥": r"\perp",
}
RELATIONS = {
    "=": "=",
    "≤": r"\le",
    "≥": r"\ge",
    "<=": r"\le",
    ">=": r"\ge",
    "≠": r"\ne",
    "≈": r"\approx",
    "≫": r"\gg",
    "≪": r"\ll",
    "<": "<",
    ">": ">",
    "→": r"\to",
    "∝": r"\propto",
    "∥": r"\parallel",
    "∈": r"\in",
    "~": r"\sim",
}
TIMES = {"·": r"\cdot ", "*": r"\cdot ", "/": "/", "×": r"\times ", "⊙": r"\odot "}
PLUS = {"+": "+", "−": "-", "-": "-", "±": r"\pm "}
FUNCTIONS = {
    **{
        name: "\\" + name
        for name in ("log", "exp", "sin", "cos", "sinh", "cosh", "tanh", "max", "min", "sup")
    },
    **{
        name: rf"\operatorname{{{name}}}"
        for name in ("tr", "tril", "diag", "sgn", "relu", "sign", "sum")
    },
    "arccosh": r"\operatorname{arccosh}",
    "asinh": r"\operatorname{asinh}",
    "argmin": r"\arg\min",
    "argmax": r"\arg\max",
}
BRACKETS = {"(": ")]", "[": "])", "{": "}", "⟨": "⟩", "<": ">"}
SHOWN = {"{": r"\{", "}": r"\}", "⟨": r"\langle ", "⟩": r"\rangle", "<": r"\langle "}
#: Letters that are words of English when they stand alone.
WORDS = ("a", "A", "I")
#: Products of letters, which look like words.
PRODUCTS = ("AWx", "AW", "Wx", "UU", "aw", "bs", "dt", "dL", "Hp", "FZ", "tz")
#: Families of polynomials, with their degree below.
FAMILIES = ("He",)
#: Where no formula begins or ends: within words, numbers, names and code.
WITHIN_WORD = re.compile(r"[\w'’`.\\@#&$]")
NUMBER = re.compile(r"\d+(?:[, ]\d{3}(?!\d))*(?:\.\d+)?(?:e[−-]?\d+)?")
LETTERS = re.compile(r"[A-Za-z]+")
#: What stands after an atom. The half is a power of its own only after a sign for powers.
RAISED_ONES = re.compile("[" + "".join(RAISED).replace("½", "") + "]+")
LOWERED_ONES = re.compile("[" + "".join(LOWERED) + "]+")
#: A bare index ends before a letter with an index of its own, as in W_1W_1, and a number before a
#: letter that counts nothing, as in W_1x: i to n count.
SCRIPT = re.compile(
    r"([_^])(\{[^{}]*\}|\([^()]*\)|[−-]?\d+\.\d+|[A-Za-z0-9]{1,2}?(?=[A-Za-zα-ω]_)"
    r"|\d+(?=[A-Za-ho-z])|[−-]?[A-Za-z0-9α-ω∞⊥½]{1,5}(?![A-Za-z0-9]))"
)
#: What links a number, with a sign or a power of ten, to the one before it.
FURTHER = re.compile(r"(,|\s+and|\s+or)\s+(?=[−-]\d|\d+(?:\.\d+)?e[−-]?\d)")
PRIME = re.compile(r"'(?![A-Za-z])")
#: The sign between the sides of a size, as in "n x d" and "500 x 50".
SIZE = re.compile(r"x (?=\d|[A-Za-z]\b)")
#: The one unit on the pages, after a number and a space.
SECONDS = re.compile(r"s\b")
ROOT_OF_WORDS = re.compile(r"√(?:([A-Za-z]+)|\(([a-z][A-Za-z /]*)\))")
#: A norm of something that has a name.
NAMED_NORM = re.compile(r"\|([a-z]{3,})\|")
#: A sum over something, whose terms may stand in brackets after a space.
SUM_BEFORE = re.compile(r"Σ_(\{[^{}]*\}|\w)$")
#: One space, or the end of a line within a paragraph.
SPACE = re.compile(r"[ \t]*(?:\n[ \t]*(?![\s*#>|:.+-]|\d+[.)]))?[ \t]*")


class Piece(NamedTuple):
    """TeX of a part of the text, where it ends, and whether it can only be a formula."""

    tex: str
    end: int
    sure: bool


def typeset(text: str, wrap: Callable[[str], str]) -> str:
    """Return the prose `text` with `wrap` of the TeX in the place of each formula."""
    out, at = [], 0
    while at < len(text):
        piece = _formula(text, at)
        out.append(wrap(piece.tex) if piece else text[at])
        at = piece.end if piece else at + 1
    return "".join(out)


def _formula(text: str, at: int) -> Piece | None:
    """Return the formula that begins at `at` and stands there as a word of its own."""
    if text[at].isspace() or (at and WITHIN_WORD.match(text[at - 1])):
        return None
    piece = _open(text, at) or _chain(text, at)
    if piece is None or not piece.sure or _article(text, at):
        return None
    rest = text[piece.end : piece.end + 2]
    if re.match(r"[A-Za-z0-9_`]|-[A-Z]|['’.][a-z0-9]|\*\*", rest) and not rest.startswith("'s"):
        return None
    alone = text[at : piece.end].strip()
    if alone in WORDS or (len(alone) == 1 and alone.isascii() and rest[:1] == "." and rest != ". "):
        return None
    return piece


def _open(text: str, at: int) -> Piece | None:
    """Return a relation without a left side, as in "zero where ≤ 1"."""
    right = _sum(text, _skip(text, at + 1)) if text[at] in "≤≥≈≠∝" else None
    return right and Piece(f"{RELATIONS[text[at]]} {right.tex}", right.end, True)


def _article(text: str, at: int) -> bool:
    """Return whether a word of one letter stands before a factor, or a unit after its number."""
    if SECONDS.match(text, at) and text[max(at - 2, 0) : at - 1].isdigit():
        return True
    follows = text[_skip(text, at + 1) :][:1]
    spaced = text[at + 1 : at + 2].isspace() and (follows.isalnum() or follows in "|(½√∇")
    begins = at == 0 or text[:at].rstrip()[-1:] in ("", ".", ":")
    return spaced and text[at] in WORDS and (text[at] != "A" or begins)


def _chain(text: str, at: int) -> Piece | None:
    left = _sum(text, at)
    while left is not None:
        here = _skip(text, left.end)
        sign = next((s for s in RELATIONS if text.startswith(s, here)), None)
        right = sign and _sum(text, _skip(text, here + len(sign)))
        if not sign or not right:
            return left
        left = _listed(text, Piece(f"{left.tex} {RELATIONS[sign]} {right.tex}", right.end, True))
    return None


def _listed(text: str, piece: Piece) -> Piece:
    """Return a relation with the further numbers that follow, as in "α = 1e-2, 1e-3 and 1e-4"."""
    while text[piece.end - 1].isdigit() and (link := FURTHER.match(text, piece.end)):
        sign, at = text[link.end()], link.end()
        number = _number(text, at + (sign in "−-"))
        if number is None:
            break
        word = r",\ " if link[1] == "," else rf"\text{{ {link[1].strip()} }}"
        tex = f"{piece.tex}{word}{'-' if sign in '−-' else ''}{number.tex}"
        piece = Piece(tex, number.end, True)
    return piece


def _sum(text: str, at: int) -> Piece | None:
    sign = text[at : at + 1] if text[at : at + 1] in ("−", "±", "-", "+") else ""
    left = _product(text, _skip(text, at + 1) if sign == "±" else at + len(sign))
    if left is not None and sign:
        left = Piece(PLUS[sign] + left.tex, left.end, left.sure or sign in "−±")
    while left is not None:
        here = _skip(text, left.end)
        sign = text[here : here + 1]
        spaced = here > left.end and text[here + 1 : here + 2].isspace()
        if sign not in PLUS or not sign or (sign == "-" and not spaced):
            return left
        right = _product(text, _skip(text, here + 1))
        if right is None:
            return left
        sure = left.sure or right.sure or sign in "−±"
        left = Piece(f"{left.tex} {PLUS[sign]} {right.tex}", right.end, sure)
    return None


def _product(text: str, at: int) -> Piece | None:
    left = _factor(text, at)
    while left is not None:
        here = _skip(text, left.end)
        sign = text[here : here + 1]
        if SIZE.match(text, here) and here > left.end:
            right, sign, sure = _factor(text, here + 2), "×", True
        elif sign in TIMES and sign and text[here : here + 2] not in ("//", "**"):
            right = _factor(text, _skip(text, here + 1))
            sure = sign in "·×⊙"
        else:
            sign, sure = "", False
            right = _juxtaposed(text, left.end, here)
        if right is None:
            return left
        gap = TIMES[sign] if sign else r"\, " if here > left.end else " "
        left = Piece(left.tex + gap + right.tex, right.end, left.sure or right.sure or sure)
    return None


def _juxtaposed(text: str, end: int, here: int) -> Piece | None:
    """Return the factor at `here`, after one that ends at `end`, if prose would not stand there."""
    right = _factor(text, here)
    if right is None or here == end or SUM_BEFORE.search(text, max(end - 30, 0), end):
        return right
    word = text[here : right.end]
    if SECONDS.fullmatch(word) and text[end - 1].isdigit():
        return None
    article = word in WORDS and not re.match(r"\s*(?:[+−·=)\]]|$)", text[right.end :])
    if article or text[here].isdigit() or text[here] in "(<[{":
        return None
    if not right.sure and word not in WORDS:
        return None
    return right


def _factor(text: str, at: int) -> Piece | None:
    piece = _atom(text, at)
    if piece is None:
        return None
    tex, end, sure = piece
    named = text[at:end] in (*SPELLED, *FAMILIES)
    lone = end - at == 1 or named or text[at + 1 : end] == "\u0302"
    marked = ""
    for kind, mark, length in _marks(text, end, lone):
        if kind in marked if kind else "^" in marked:
            break  # TeX knows one index and one power, and no prime after a power
        marked += kind
        tex += f"{kind}{{{mark}}}" if kind else mark
        end, sure = end + length, True
    return Piece(tex, end, sure)


def _marks(text: str, at: int, lone: bool) -> Iterator[tuple[str, str, int]]:
    """Yield primes, indices and powers after an atom; ASCII indices after lone letters alone."""
    while at < len(text):
        raised, lowered = RAISED_ONES.match(text, at), LOWERED_ONES.match(text, at)
        script = SCRIPT.match(text, at)
        if raised:
            mark = ("^", "".join(RAISED[c] for c in raised[0]), len(raised[0]))
        elif lowered:
            mark = ("_", "".join(LOWERED[c] for c in lowered[0]), len(lowered[0]))
        elif script and (lone or script[1] == "^" or script[2][0] == "{"):
            inside = re.sub(r"^[{]|[})]$|^[(]", "", script[2])
            mark = (script[1], _script(inside), len(script[0]))
        elif PRIME.match(text, at):
            mark = ("", "'", 1)
        elif text[at] == "*" and re.match(r"_|[^\w*(]|$", text[at + 1 : at + 2]):
            mark = ("^", r"\ast", 1)
        elif text[at] == "⊥":
            mark = ("_", r"\perp", 1)
        else:
            return
        yield mark
        at += mark[2]


def _script(text: str) -> str:
    """Return an index or a power; words in it are upright."""
    piece = _chain(text, 0)
    if piece is not None and piece.end == len(text):
        return piece.tex
    if re.fullmatch(r"[A-Za-z]{1,2}", text):
        return text
    return rf"\text{{{text}}}" if text.isascii() else typeset_words(text)


def typeset_words(text: str) -> str:
    """Return TeX of words with formulas among them."""
    return r"\text{" + typeset(text, lambda tex: f"${tex}$") + "}"


def _atom(text: str, at: int) -> Piece | None:
    if at >= len(text):
        return None
    for read in (_number, _operator, _sign, _word, _norm, _brackets):
        piece = read(text, at)
        if piece is not None:
            return piece
    return None


def _number(text: str, at: int) -> Piece | None:
    number = NUMBER.match(text, at)
    if number is None:
        return None
    digits, _, power = number[0].replace("−", "-").partition("e")
    tex = re.sub("[, ]", r"\\,", digits)
    if power:
        tex = f"10^{{{int(power)}}}" if digits == "1" else rf"{tex} \cdot 10^{{{int(power)}}}"
    return Piece(tex, number.end(), False)


def _operator(text: str, at: int) -> Piece | None:
    """Return a root, a gradient, a sum or an integral with what it acts on."""
    sign = text[at]
    if sign == "√":
        inside = _atom(text, _skip(text, at + 1))
        word = ROOT_OF_WORDS.match(text, at)
        if inside is None and word:
            return Piece(rf"\sqrt{{\text{{{word[1] or word[2]}}}}}", word.end(), True)
        if inside is None:
            return None
        tex = re.sub(r"^\(|\)$", "", inside.tex) if text[at + 1] == "(" else inside.tex
        return Piece(rf"\sqrt{{{tex}}}", inside.end, True)
    if sign == "Σ":
        labelled = re.compile("xx|yx|yy").match(text, at + 1)
        if labelled:
            return Piece(rf"\Sigma_{{{labelled[0]}}}", labelled.end(), True)
        summed = text[at + 1 : at + 2] == "_" or _atom(text, _skip(text, at + 1)) is not None
        return Piece(r"\sum" if summed else r"\Sigma", at + 1, True)
    if sign == "∫":
        return Piece(r"\int", at + 1, True)
    return None


def _sign(text: str, at: int) -> Piece | None:
    """Return a Greek or other letter of mathematics, with its hat."""
    base, hat = text[at], text[at + 1 : at + 2] == "\u0302"
    plain = unicodedata.normalize("NFD", base)
    if plain[1:] == "\u0302":
        return Piece(rf"\hat {plain[0]}", at + 1, True)
    tex = "\\" + GREEK[base] if base in GREEK else SIGNS.get(base, "")
    if hat and (tex or base.isalpha()):
        return Piece(rf"\hat{{{tex or base}}}", at + 2, True)
    if not tex:
        return None
    one = re.compile("[12]").match(text, at + 1) if base == "ℓ" else None
    return Piece(tex + (f"_{one[0]}" if one else ""), at + 1 + bool(one), True)


def _word(text: str, at: int) -> Piece | None:
    """Return a letter, a function, a product of letters, or a spelled Greek letter."""
    word = LETTERS.match(text, at)
    if word is None:
        return None
    name, end = word[0], word.end()
    follows, before = text[end : end + 1], text[at - 1 : at] if at else ""
    if name in FUNCTIONS:
        prime = "'" if follows == "'" else ""
        raised = RAISED_ONES.match(text, end)
        power = "^{" + "".join(map(RAISED.get, raised[0])) + "}" if raised else prime
        inside = _factor(text, _skip(text, raised.end() if raised else end + len(prime)))
        return inside and Piece(f"{FUNCTIONS[name]}{power} {inside.tex}", inside.end, True)
    if name in FAMILIES and follows and (follows == "_" or follows in LOWERED):
        return Piece(rf"\operatorname{{{name}}}", end, True)
    if name == "sqrt" and follows == "(":
        inside = _atom(text, end)
        return inside and Piece(rf"\sqrt{{{inside.tex[1:-1]}}}", inside.end, True)
    if name in SPELLED:
        label = re.compile(r"0|_star|\*(?!\w)").match(text, end)
        tail = {"0": "_0", "_star": r"_\star", "*": r"_\star"}[label[0]] if label else ""
        return Piece(f"\\{name}{tail}", end + len(label[0] if label else ""), True)
    expectation = name == "E" and follows in ("|", "⟨", "[", "(")
    if len(name) == 1:
        called = follows == "(" and text[end + 1 : end + 2] not in (")", "")
        tex = r"\mathbb{E}" if expectation else name
        return Piece(tex, end, name not in WORDS or called)
    beside = any(c and (c in GREEK or c in RAISED or c in "∂∇·⊙") for c in (before, follows))
    if name in PRODUCTS or (len(name) <= 3 and beside):
        return Piece(" ".join(name), end, True)
    if follows == "^" or (follows and follows in RAISED):
        return Piece(rf"\text{{{name}}}", end, True)
    return None


def _norm(text: str, at: int) -> Piece | None:
    if text[at] != "|":
        return None
    if text.startswith("|·|", at):
        return Piece(r"\lvert\,\cdot\,\rvert", at + 3, True)
    word = NAMED_NORM.match(text, at)
    if word and word[1] not in SPELLED:
        return Piece(rf"\lvert \text{{{word[1]}}} \rvert", word.end(), True)
    inside = _chain(text, _skip(text, at + 1))
    end = _skip(text, inside.end) if inside else at
    if inside is None or text[end : end + 1] != "|":
        return None
    return Piece(rf"\lvert {inside.tex} \rvert", end + 1, True)


def _brackets(text: str, at: int) -> Piece | None:
    close = BRACKETS.get(text[at])
    if close is None or (text[at] == "<" and text[at + 1 : at + 2].isspace()):
        return None
    parts, sure, here = [], False, at + 1
    while True:
        part = _chain(text, _skip(text, here))
        if part is None:
            break
        parts.append(part.tex)
        sure, here = sure or part.sure, _skip(text, part.end)
        if text[here : here + 1] not in (",", ";", ":"):
            break
        parts.append(text[here] + r"\ ")
        here += 1
    if not parts or text[here : here + 1] not in close or here >= len(text):
        return None
    left, right = SHOWN.get(text[at], text[at]), SHOWN.get(text[here], text[here])
    right = r"\rangle" if text[at] == "<" else right
    return Piece(left + "".join(parts).rstrip("\\ ") + right, here + 1, sure)


def _skip(text: str, at: int) -> int:
    space = SPACE.match(text, at)
    return space.end() if space else at
