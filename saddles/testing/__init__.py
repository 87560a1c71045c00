"""Property tests for your own algorithms: strategies that draw problems, and laws to obey.

``check_diagonal_path``, ``check_greedy_low_rank`` and ``check_linear_path`` try a solver on every
law, and report the first law that is broken, with the smallest example. ``check_deep_flow`` tries a
gradient flow. ``assert_diagonal_path`` and its siblings check a single result. ``regressions``,
``matrix_losses``, ``moments``, ``initial_weights`` and the rest are Hypothesis strategies.
Hypothesis comes with ``pip install 'saddles[testing]'``; names load when first used.
``pytest --pyargs saddles.testing.selfcheck`` tries the solvers of an installed copy.

Read `_checks` first, the functions that users call, then the laws: `_diagonal_identities` judges
one answer, `_deep_laws` a flow, `_diagonal_laws` changes the data, `_low_rank_laws` and
`_linear_laws` are those of matrices. `_solver` and `_answer` hold the algorithm under test and what
it returned, `_expect` compares, `_search` tries laws until one is broken, and `_report` shows that
law. `families` and `strategies` draw problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.testing._checks import (
        assert_diagonal_path,
        assert_linear_path,
        assert_low_rank_path,
        check_diagonal_path,
        check_greedy_low_rank,
        check_linear_path,
    )
    from saddles.testing._deep_laws import check_deep_flow
    from saddles.testing._report import LawError, Report
    from saddles.testing.families import integer_problem
    from saddles.testing.strategies import (
        completions,
        deactivating,
        full_matrices,
        gaussian,
        general_position,
        initial_weights,
        integer_regressions,
        matrix_losses,
        moments,
        rank_deficient,
        regressions,
        sensings,
        wide,
        with_duplicate_columns,
        with_ties,
        with_zero_columns,
        with_zero_rows,
    )

#: Public name -> the module that holds it.
_HOMES = {
    "LawError": "saddles.testing._report",
    "Report": "saddles.testing._report",
    "assert_diagonal_path": "saddles.testing._checks",
    "assert_linear_path": "saddles.testing._checks",
    "assert_low_rank_path": "saddles.testing._checks",
    "check_deep_flow": "saddles.testing._deep_laws",
    "check_diagonal_path": "saddles.testing._checks",
    "check_greedy_low_rank": "saddles.testing._checks",
    "check_linear_path": "saddles.testing._checks",
    "integer_problem": "saddles.testing.families",
    "completions": "saddles.testing.strategies",
    "deactivating": "saddles.testing.strategies",
    "full_matrices": "saddles.testing.strategies",
    "gaussian": "saddles.testing.strategies",
    "general_position": "saddles.testing.strategies",
    "initial_weights": "saddles.testing.strategies",
    "integer_regressions": "saddles.testing.strategies",
    "matrix_losses": "saddles.testing.strategies",
    "moments": "saddles.testing.strategies",
    "rank_deficient": "saddles.testing.strategies",
    "regressions": "saddles.testing.strategies",
    "sensings": "saddles.testing.strategies",
    "wide": "saddles.testing.strategies",
    "with_duplicate_columns": "saddles.testing.strategies",
    "with_ties": "saddles.testing.strategies",
    "with_zero_columns": "saddles.testing.strategies",
    "with_zero_rows": "saddles.testing.strategies",
}

__all__ = [
    "LawError",
    "Report",
    "assert_diagonal_path",
    "assert_linear_path",
    "assert_low_rank_path",
    "check_deep_flow",
    "check_diagonal_path",
    "check_greedy_low_rank",
    "check_linear_path",
    "completions",
    "deactivating",
    "full_matrices",
    "gaussian",
    "general_position",
    "initial_weights",
    "integer_problem",
    "integer_regressions",
    "matrix_losses",
    "moments",
    "rank_deficient",
    "regressions",
    "sensings",
    "wide",
    "with_duplicate_columns",
    "with_ties",
    "with_zero_columns",
    "with_zero_rows",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
