"""Laws tried in turn on problems that Hypothesis draws, until one is broken.

The search is repeatable: the same solver and the same version of Hypothesis see the same problems.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from saddles.testing import _hypothesis  # noqa: F401  (says how to get it, if it is missing)
from saddles.testing._expect import Broken
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
    problems: st.SearchStrategy[Any],
    names: tuple[str, ...],
    *,
    needs: Mapping[Law, tuple[str, ...]],
    max_examples: int,
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
    problems : SearchStrategy
        Draws the data of one problem: a tuple of arguments, or one argument.
    names : tuple of str
        Names of the arguments.
    needs : mapping
        Law -> keywords of which the solver must take one.
    max_examples : int
        Problems per search.
    """
    groups = [tuple(identities), *((law,) for law in changes)]
    skipped = {
        title(law): f"the solver takes no {' or '.join(wanted)}"
        for law, wanted in needs.items()
        if solver.takes.isdisjoint(wanted)
    }
    tried: list[str] = []
    count = 0
    for group in groups:
        laws = tuple(law for law in group if title(law) not in skipped)
        if laws:
            count += _search(laws, solver, problems, names, max_examples)
            tried += map(title, laws)
    return Report(laws=tuple(tried), problems=count, skipped=skipped)


def _search(
    laws: tuple[Law, ...],
    solver: Solver,
    problems: st.SearchStrategy[Any],
    names: tuple[str, ...],
    max_examples: int,
) -> int:
    """Return how many problems the laws hold on, or raise `LawError` with the smallest other."""
    failures: list[tuple[tuple[int, ...], LawError, Broken]] = []
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
                named = dict(zip(names, problem, strict=True))
                own = seed if len(laws) == 1 else None
                failure = LawError(law, named, broken, heading=SMALLEST, seed=own)
                failures.append(((order, *complexity(named), seed), failure, broken))
                raise

    try:
        _run(attempt, problems, max_examples)
    except _EnoughShrinking:
        pass
    except Exception:
        # Hypothesis re-raises what it found, or says that a solver contradicts itself.
        if not failures:
            raise
    if failures:
        _, failure, broken = min(failures, key=lambda entry: entry[0])
        raise failure from broken.__cause__
    return calls


def _run(attempt: Callable[..., None], problems: Any, max_examples: int) -> None:
    """Let Hypothesis call `attempt`, whatever profile the user's own tests have loaded."""
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
