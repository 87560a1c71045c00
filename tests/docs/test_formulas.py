"""Formulas in prose: what becomes TeX, what stays, and that no page or docstring is left out."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import saddles

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *DOCS.glob("*.md"),
        *(DOCS / "algorithms").glob("*.md"),
        *(ROOT / "tables/results").glob("*.md"),
    ]
)
#: Letters and signs that stand for mathematics wherever they are.
SIGNS = re.compile(r"[α-ωΓΔΘΛΞΠΣΦΨΩ²³⁺⁻ᵀ₀-₉∇∂√∫⊙½⊥∥≤≥→∞≫≪ℓ\u0302ŵÛŷ^]")
MATH = re.compile(r"(?:\{math\}|:math:)`[^`]*`")
#: What TeX refuses: a second index or power of one letter, and a prime after a power.
DOUBLE = re.compile(r"([_^])(\{(?:[^{}]|\{[^{}]*\})*\})[_^']")


def doubled(tex):
    """Whether a letter has two indices, or two powers, or a prime after its power."""
    found = (m for m in DOUBLE.finditer(tex))
    return any(m[0][-1] == m[1] or (m[0][-1] == "'" and m[1] == "^") for m in found)


@pytest.fixture(scope="module")
def formulas():
    """The module of the documentation that typesets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield importlib.import_module("formulas")


@pytest.fixture(scope="module")
def markup():
    """The module of the documentation that knows where prose is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield importlib.import_module("markup")


@pytest.fixture(scope="module")
def building():
    pytest.importorskip("numpydoc")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield importlib.import_module("building")


def dollars(tex):
    return f"${tex}$"


@pytest.mark.parametrize(
    ("prose", "typeset"),
    [
        ("the loss |y − Xβ|²/(2n).", r"the loss $\lvert y - X \beta \rvert^{2}/(2 n)$."),
        ("β = u ⊙ v and S = Xᵀρ", r"$\beta = u\odot v$ and $S = X^{\top} \rho$"),
        ("like α^(2−κ), or e⁻¹⁰", r"like $\alpha^{2 - \kappa}$, or $e^{-10}$"),
        ("Û_i = Nλ_i²/(3√3)", r"$\hat U_{i} = N \lambda_{i}^{2}/(3 \sqrt{3})$"),
        ("the largest |x̂_k|", r"the largest $\lvert \hat{x}_{k} \rvert$"),
        ("between −1 and 1", "between $-1$ and 1"),
        ("α = 1e-2", r"$\alpha = 10^{-2}$"),
        (
            "at α = 1e-2, 1e-3 and 1e-4, 6 of 7",
            r"at $\alpha = 10^{-2},\ 10^{-3}\text{ and }10^{-4}$, 6 of 7",
        ),
        ("log α = -500, -1000", r"$\log \alpha = -500,\ -1000$"),
        ("x = 1, 2 and y = -3", "$x = 1$, 2 and $y = -3$"),
        ("minimum ℓ1 norm", r"minimum $\ell_1$ norm"),
        (
            "½ Σ_m (<A_m, W> − b_m)²",
            r"$\tfrac12\, \sum_{m}\, (\langle A_{m},\ W\rangle - b_{m})^{2}$",
        ),
        ("sqrt(s − delta) beta/|beta|", r"$\sqrt{s - \delta}\, \beta/\lvert \beta \rvert$"),
        ("a neuron (w, a)", "a neuron $(w,\\ a)$"),
        ("f(x) = W_L…W_1x", r"$f (x) = W_{L} \ldots W_{1} x$"),
        ("W_2ᵀW_2 − W_jW_jᵀ", r"$W_{2}^{\top} W_{2} - W_{j} W_{j}^{\top}$"),
        ("L-BFGS over the k-jet", r"L-BFGS over the $k$-jet"),
        ("β = w_1i ⋯ w_Di", r"$\beta = w_{1 i}\, \cdots\, w_{Di}$"),
        ("φ(tz) = t^k φ(z)", r"$\varphi (t z) = t^{k}\, \varphi (z)$"),
        ("β_i = w_1i w_2i", r"$\beta_{i} = w_{1 i}\, w_{2 i}$"),
        (
            "g_β He_β(z) or He₃",
            r"$g_{\beta}\, \operatorname{He}_{\beta} (z)$ or $\operatorname{He}_{3}$",
        ),
        ("F sin² t of z₊^k", r"$F\, \sin^{2} t$ of $z_{+}^{k}$"),
    ],
)
def test_formulas_become_tex(formulas, prose, typeset):
    assert formulas.typeset(prose, dollars) == typeset


@pytest.mark.parametrize(
    "prose",
    [
        "A neuron of the network, e.g. a ReLU; i.e. it doesn't grow.",
        "I am a student. A flow ends at 1e-9, or 20,000 steps.",
        "(see the table) well-known, 3.5 times, log and max and exp",
        "`beta ≤ 0` stays",
    ],
)
def test_prose_stays(markup, prose):
    assert markup.markdown(prose) == prose


def test_code_links_and_tex_stay(markup):
    page = (
        "# The flow of β\n\n```text\nβ = 1\n```\n\n[π](π.md) `α²` {cite:p}`x²` $\\beta²$ "
        "{eq}`β`\n\n```{math}\nβ\n```\n"
    )
    assert markup.markdown(page) == page.replace("[π]", "[{math}`\\pi`]")


def test_captions_of_figures_are_prose(markup):
    figure = "α\n\n```{figure} α.png\n:alt: α²\n\nAt τ = 1.\n```\n\n```text\nα\n```\n"
    made = figure.replace("α\n\n", "{math}`\\alpha`\n\n", 1)
    assert markup.markdown(figure) == made.replace("τ = 1", "{math}`\\tau = 1`")


def test_bars_of_tables_part_cells_and_others_are_norms(markup):
    row = markup.markdown("| a \\|w\\|² | `x|y` | β |\n")
    assert row == "| a {math}`\\lvert w \\rvert^{2}` | `x|y` | {math}`\\beta` |\n"
    assert markup.restructured("|r| and |no norm|") == (r":math:`\lvert r \rvert` and \|no norm\|")


def test_a_formula_is_parted_from_words_by_one_space(markup):
    """An escaped space at the end of a line would take the line's break with it."""
    assert markup.restructured("an α-clock (of α) at τ") == (
        r"an :math:`\alpha`\ -clock (of :math:`\alpha`\ ) at :math:`\tau`"
    )


@given(st.text(st.sampled_from("aβxΣ_^{}()[]|√·−=+ ²ᵀ12'½/*.,\n⟨⟩<>e∇"), max_size=30))
def test_any_text_is_typeset_or_left(formulas, text):
    """Braces pair up in what is made, and what surrounds it is the text."""
    made = []

    def wrap(tex):
        made.append(tex)
        return "\0"

    left = formulas.typeset(text, wrap).split("\0")
    for tex in made:
        assert re.sub(r"\\[{}]", "", tex).count("{") == re.sub(r"\\[{}]", "", tex).count("}")
        assert not doubled(tex), tex
    rest = text
    for part in left:
        assert part in rest
        rest = rest[rest.index(part) + len(part) :]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_formula_of_a_page_is_typeset(markup, page):
    text = markup.KEPT_BLOCKS.sub("", markup.markdown(page.read_text("utf-8")))
    left = markup.KEPT_IN_MARKDOWN.sub("", text)
    assert [line for line in left.splitlines() if SIGNS.search(line)] == []
    assert [tex for tex in MATH.findall(text) if doubled(tex)] == []


def test_every_formula_of_the_reference_is_typeset(building, markup):
    for name in building.public_names():
        kind = saddles
        for part in name.split(".")[1:]:
            kind = getattr(kind, part)
        members = vars(kind).values() if inspect.isclass(kind) else ()
        for text in [kind.__doc__, *(getattr(member, "__doc__", None) for member in members)]:
            lines = inspect.cleandoc(text or "").splitlines()
            for line, made in zip(lines, building.prose(lines), strict=True):
                left = markup.KEPT_IN_RESTRUCTURED.sub("", MATH.sub("", made))
                assert made == line or not SIGNS.search(left), f"{name}: {line}"
                assert not any(map(doubled, MATH.findall(made))), f"{name}: {line}"


def test_formulas_of_an_included_table_are_typeset_whatever_its_page_is_called(building):
    source = ["The exponent of α^b, see [all](../../tables/results/unaligned.md)."]
    nobody_knows_pages = None
    building._relink_included(nobody_knows_pages, Path("tables/results/x.md"), "x", source)
    assert source == [r"The exponent of {math}`\alpha^{b}`, see [all](/tables/unaligned.md)."]
