"""Laws tried in turn on problems that Hypothesis draws, until one is broken.

The search is repeatable: the same solver and the same version of Hypothesis see the same problems.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.testing import _hypothesis  # noqa: F401  (says how to get it, if it is missing)
from saddles.testing._expect import Broken, Late
from saddles.testing._report import Law, LawError, Report, complexity, title
from saddles.testing._solver import Solver

import hypothesis  # isort: skip
from hypothesis import strategies as st  # isort: skip

__all__ = ["try_laws"]

#: Problems tried to make a failing one smaller, per problem of a search without a failure: enough
#: to read it, few enough for seconds.
SHRINKS = 5

#: Heading of a problem that a search found.
SMALLEST = "smallest example found:"


class _EnoughShrinking(BaseException):
    """Ends a search at once; Hypothesis catches what is an `Exception`."""


def try_laws(
    identities: Sequence[Law],
    changes: Sequence[Law],
    solver: Solver,
    kinds: Sequence[st.SearchStrategy[Any]],
    names: tuple[str, ...],
    *,
    needs: Mapping[Law, tuple[str, ...]],
    max_examples: int,
    keep_going: bool = False,
) -> Report:
    """Try every law that the solver has the keywords for; raise `LawError` for the first broken.

    Parameters
    ----------
    identities : sequence of laws
        What holds of one answer; all of them are tried on each answer.
    changes : sequence of laws
        What compares answers for different data; each has a search of its own.
    solver : Solver
        The algorithm under test.
    kinds : sequence of SearchStrategy
        Each draws the data of one problem, a tuple of arguments, or one argument. They take turns.
    names : tuple of str
        Names of the arguments.
    needs : mapping
        Law -> keywords of which the solver must take one.
    max_examples : int
        Problems per search.
    keep_going : bool
        Whether to collect what is broken instead.
    """
    groups = [tuple(identities), *((law,) for law in changes)]
    skipped = {
        title(law): f"the solver takes no {' or '.join(wanted)}"
        for law, wanted in needs.items()
        if solver.takes.isdisjoint(wanted)
    }
    broken: dict[str, LawError] = {}
    tried: list[str] = []
    count = 0
    for group in groups:
        laws = [law for law in group if title(law) not in skipped]
        while laws and Late.name not in broken:
            found = _search(laws, solver, kinds, names, max_examples, known=frozenset(broken))
            count += found.calls
            if found.failure is None:
                break
            if not keep_going:
                raise found.failure from found.failure.__cause__
            broken[found.failure.law] = found.failure
            laws = [law for law in laws if title(law) not in broken]
        if Late.name in broken:
            skipped |= {title(law): "the solver was late" for law in laws}
        else:
            tried += map(title, laws)
    return Report(laws=tuple(tried), problems=count, skipped=skipped, broken=tuple(broken.values()))


@dataclass(frozen=True)
class _Found:
    """How many problems were tried, and the smallest on which a law is broken."""

    calls: int
    failure: LawError | None = None


def _search(
    laws: Sequence[Law],
    solver: Solver,
    kinds: Sequence[st.SearchStrategy[Any]],
    names: tuple[str, ...],
    max_examples: int,
    *,
    known: frozenset[str],
) -> _Found:
    """Return the smallest problem on which a law other than those `known` is broken."""
    failures: list[tuple[tuple[int, ...], LawError]] = []
    calls = shrinks = 0

    def attempt(drawn: Any, seed: int) -> None:
        nonlocal calls, shrinks
        calls += 1
        shrinks += bool(failures)
        if shrinks > SHRINKS * max_examples:
            raise _EnoughShrinking
        problem = drawn if isinstance(drawn, tuple) else (drawn,)
        # A solver that changes its data must not change what is shown, or the next attempt.
        data = copy.deepcopy(problem)
        one_answer = solver.once(*data) if len(laws) > 1 else solver
        for order, law in enumerate(laws):
            try:
                law(one_answer, *data, np.random.default_rng(seed))
            except Broken as broken:
                if broken.name in known:
                    return
                named = dict(zip(names, problem, strict=True))
                own = seed if len(laws) == 1 else None
                failure = LawError(law, named, broken, heading=SMALLEST, seed=own)
                failure.__cause__ = broken.__cause__
                failures.append(((order, *complexity(named), seed), failure))
                if isinstance(broken, Late):
                    raise _EnoughShrinking from None  # each smaller problem would take as long
                raise

    try:
        for problems, share in zip(kinds, _shares(max_examples, len(kinds)), strict=True):
            _run(attempt, problems, share)
    except _EnoughShrinking:
        pass
    except Exception:
        # Hypothesis re-raises what it found, or says that a solver contradicts itself.
        if not failures:
            raise
    return _Found(calls, min(failures, key=lambda entry: entry[0])[1] if failures else None)


def _shares(count: int, kinds: int) -> list[int]:
    """Share `count` problems among the kinds, evenly; the first kinds have one more."""
    return [count // kinds + (k < count % kinds) for k in range(kinds)]


def _run(attempt: Callable[..., None], problems: Any, max_examples: int) -> None:
    """Let Hypothesis call `attempt`, whatever profile the user's own tests have loaded."""
    if not max_examples:
        return
    seeds = st.integers(0, 2**32 - 1)
    search = hypothesis.settings(
        max_examples=max_examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        report_multiple_bugs=False,
        verbosity=hypothesis.Verbosity.quiet,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    search(hypothesis.given(problems, seeds)(attempt))()
