"""Paths that version 0.1.0 wrote, before its modules moved: pickles and JSON are still read.

It ran `computed`, and wrote what it returns with ``pickle.dump(paths, file, protocol=4)`` into
`pickled_0_1.pkl`, and what `to_dict` makes of each into `saved_0_1.json`.
"""

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import saddles

HERE = Path(__file__).parent
KINDS = ("dense", "wide", "matrices", "factors", "neurons")

#: Rounding of another machine's BLAS.
ROUNDING = 1e-12


def computed():
    """Return a path of each kind of storage, and one with the weights of its neurons."""
    X = [[2, 1, 0], [1, 3, 1], [0, 1, 1]]
    matrices = saddles.greedy_low_rank(saddles.FullMatrix(np.array([[3.0, 1.0], [1.0, 3.0]])))
    factors = np.empty(3, dtype=object)
    factors[:] = [saddles.LowRank(U, U) for U in (np.zeros((2, 0)), np.ones((2, 1)), np.eye(2))]
    return {
        "dense": saddles.pesme_flammarion(X, [1, -2, 3]),
        "wide": saddles.pesme_flammarion(np.eye(3, 10_000) * [[3], [2], [1]], [1, 1, 1]),
        "matrices": matrices,
        "factors": dataclasses.replace(matrices, betas=factors),
        "neurons": saddles.agf.relu([[1.0, 0.0], [0.0, 2.0]], [[1.0], [-1.0]], width=10),
    }


@pytest.fixture(scope="module")
def today():
    return computed()


@pytest.fixture(scope="module")
def pickled():
    return pickle.loads((HERE / "pickled_0_1.pkl").read_bytes())


@pytest.fixture(scope="module")
def saved():
    return json.loads((HERE / "saved_0_1.json").read_text("utf-8"))


def numbers(path):
    """Return the arrays of floats of a path by name, and all else that it says."""
    stored = getattr(path.betas, "toarray", lambda: path.betas)()
    lone = isinstance(path.betas[0], saddles.LowRank)
    found = {
        "times": path.times,
        "losses": path.losses,
        "betas": np.array([beta.toarray() for beta in stored]) if lone else stored,
        **({} if path.duals is None else {"duals": path.duals}),
        **{
            entry.name: getattr(path.certificates, entry.name)
            for entry in dataclasses.fields(path.certificates)
        },
        **{
            f"{name} {k}": array
            for name in ("neurons", "directions")
            for k, array in enumerate(getattr(path, name, ()))
        },
    }
    units = [u.tolist() for u in (*path.active, *path.entered, *path.left)]
    said = (path.algorithm, path.source, path.status, path.kappa, path.log_alpha)
    return found, (type(path.betas), units, *said)


@pytest.mark.parametrize("kind", KINDS)
def test_pickles_are_what_is_computed_today(kind, pickled, today):
    assert type(pickled[kind]) is type(today[kind])
    (before, said_before), (now, says_now) = numbers(pickled[kind]), numbers(today[kind])
    assert said_before == says_now
    assert before.keys() == now.keys()
    for name, array in before.items():
        np.testing.assert_allclose(array, now[name], rtol=ROUNDING, atol=ROUNDING, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_json_and_pickles_are_equal_to_the_last_bit(kind, pickled, saved):
    read = saddles.SaddlePath.from_dict(saved[kind])
    assert read.to_dict() == pickled[kind].to_dict()
    sentences = {"message": read.message}  # which may be put better in a later version
    assert read.to_dict() == saved[kind] | sentences
    assert numbers(read)[1] == numbers(pickled[kind])[1]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("saddles.path", "Saddle"),
        ("saddles.path", "SaddlePath"),
        ("saddles.certificate", "Certificate"),
        ("saddles.certificate", "Certificates"),
        ("saddles.status", "Status"),
        ("saddles._points", "LowRank"),
    ],
)
def test_a_class_is_found_where_old_pickles_look_for_it(module, name):
    assert pickle.loads(f"c{module}\n{name}\n.".encode()) is getattr(saddles, name)
