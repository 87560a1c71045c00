"""Real data: the diabetes study of Efron, Hastie, Johnstone and Tibshirani (2004), and LARS."""

from __future__ import annotations

import pandas as pd
from sklearn.datasets import load_diabetes

import saddles
from reference.pesme_flammarion import pesme_flammarion as exact_path
from saddles.typing import Array, Indices
from tables.peers import whole_lars
from tables.staircase import ROUNDING
from tables.table import Check, Table, worst

#: Factor by which the flow is followed beyond its last jump, so that it ends at least squares.
AFTER = 1.2


def data() -> tuple[Array, Array, list[str]]:
    """Return the standardised features X (442, 10), the centred target y (442,), and the names."""
    study = load_diabetes()
    return study.data, study.target - study.target.mean(), list(study.feature_names)


def build() -> Table:
    """Return the table."""
    X, y, names = data()
    path = saddles.pesme_flammarion(X, y)
    agf = saddles.agf.diagonal(X, y, log_alpha=-230)
    flow = saddles.flow.diagonal(X, y, log_alpha=-1e4, until=AFTER * path.times[-1])
    exact = [float(time) for time in exact_path(X, y).times]
    comparison = saddles.compare(path, flow)
    saddle_rows = pd.DataFrame(
        {
            "entered": [_names(units, names) for units in path.entered],
            "left": [_names(units, names) for units in path.left],
            "time": path.times,
            "loss": path.losses,
        }
    )
    lars = _lars(X, y, names)
    frame = pd.concat([saddle_rows, lars], axis=1).reset_index(names="jump")
    checks = (
        Check("PF against exact, times", worst(path.times, exact), ROUNDING),
        Check("AGF against PF, times", worst(agf.times, path.times), ROUNDING),
        Check("flow at log(alpha) = -1e4, plateau coefficients", comparison.worst_beta, 1e-8),
        Check(
            "last loss against least squares",
            abs(path.losses[-1] / lars["LARS loss"].min() - 1),
            1e-12,
        ),
    )
    return Table(
        name="diabetes",
        title="Diabetes study: saddles compared with the knots of the lasso",
        text=(
            "Which features does a diagonal network learn, compared with the lasso? 442 "
            "patients, 10 standardised features, centred target (Efron et al., Least angle "
            "regression, 2004; scikit-learn's copy).\n\n"
            "Left columns: the saddles of the diagonal network, with the feature that enters or "
            "leaves, the scaled time and the mean loss. Right columns: the knots of the lasso "
            "path by LARS. Features enter in nearly the same order. A saddle is a least-squares "
            "fit that is not shrunk, so its loss falls faster."
        ),
        frame=frame,
        checks=checks,
        figure=comparison.plot(names=names),
        caption=(
            "Loss and coefficients over scaled time. The prediction (dashed) should lie on the "
            "gradient flow (colours); s3 enters, leaves and enters again."
        ),
    )


def _lars(X: Array, y: Array, names: list[str]) -> pd.DataFrame:
    """Return the lasso's knots: what enters and leaves there, the penalty and the loss."""
    penalties, betas = whole_lars(X, y)
    used = betas.T != 0
    problem = saddles.Regression(X, y)
    rows = [("", "", penalties[0], problem.loss(betas[:, 0]))]
    for k in range(1, len(used)):
        entered, left = used[k] & ~used[k - 1], used[k - 1] & ~used[k]
        rows.append(
            (
                _names(entered.nonzero()[0], names),
                _names(left.nonzero()[0], names),
                penalties[k],
                problem.loss(betas[:, k]),
            )
        )
    columns = ["LARS entered", "LARS left", "LARS penalty", "LARS loss"]
    return pd.DataFrame(rows, columns=columns)


def _names(units: Indices, names: list[str]) -> str:
    return " ".join(names[int(unit)] for unit in units)
