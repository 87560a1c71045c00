"""What every algorithm returns: lookup, conversion, iteration, storage."""

import copy
import json
import math
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
from hypothesis import given
from scipy.sparse import csr_array

import saddles
from saddles import SaddlePath, Status
from saddles._result.certificate import Certificate
from saddles._result.scaled_time import physical_times
from saddles.testing import strategies

X = np.array([[1, 0.5, 0.7, 0], [0.5, 1, 0.1, 0.7]])
Y = np.array([1.0, 0.0])


@pytest.fixture(scope="module")
def path():
    return saddles.pesme_flammarion(X, Y)


@pytest.fixture(scope="module")
def sparse(path):
    return replace(path, betas=csr_array(path.betas))


# --- lookup -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tau", "index"),
    [(0, 0), (1.99, 0), (2, 1), (7.9, 1), (9, 2), (12, 3), (1e300, 3), (np.inf, 3)],
)
def test_at_returns_the_saddle_of_that_time(path, tau, index):
    assert path.at(tau).tolist() == path.betas[index].tolist()


def test_at_a_jump_time_is_after_the_jump(path):
    for saddle in path:
        assert path.at(saddle.time).tolist() == saddle.beta.tolist()
        if saddle.index:
            before = path.at(np.nextafter(saddle.time, 0))
            assert before.tolist() == path.betas[saddle.index - 1].tolist()


def test_at_takes_many_times(path, sparse):
    taus = [0.0, 3.0, 20.0, 3.0]
    expected = path.betas[[0, 1, 3, 1]].tolist()
    assert path.at(taus).tolist() == expected
    assert path.at(np.array(taus)).shape == (4, 4)
    assert sparse.at(taus).toarray().tolist() == expected
    assert sparse.at(3.0).toarray().tolist() == [expected[1]]
    assert path.at([]).shape == (0, 4)


@pytest.mark.parametrize("tau", [-1, -1e-300, math.nan, [1.0, -2.0], [0.0, math.nan]])
def test_at_refuses_times_before_the_start(path, tau):
    with pytest.raises(ValueError, match=r"tau=.*scaled times start at 0"):
        path.at(tau)


def test_at_does_not_guess_beyond_an_unfinished_path():
    part = saddles.pesme_flammarion(X, Y, max_jumps=1)
    assert part.at(part.times[-1]).tolist() == part.betas[-1].tolist()
    with pytest.raises(ValueError, match=r"tau=3.0 lies beyond .*max_jumps reached.*Raise max_"):
        part.at(3.0)


# --- sequence -----------------------------------------------------------------------------------


def test_path_is_a_sequence_of_saddles(path):
    assert len(path) == 4
    assert [saddle.index for saddle in path] == [0, 1, 2, 3]
    assert [saddle.time for saddle in path] == path.times.tolist()
    assert [saddle.loss for saddle in path] == path.losses.tolist()
    assert path[-1].index == 3
    assert path[-1].beta.tolist() == path.betas[3].tolist()
    assert path[2].dual.tolist() == path.duals[2].tolist()
    assert path[2].left.tolist() == [0]
    assert path[1].certificate == path.certificates[1]
    for index in (4, -5):
        with pytest.raises(IndexError):
            path[index]


def test_iterating_twice_gives_the_same(path):
    assert [saddle.time for saddle in path] == [saddle.time for saddle in path]


def test_sparse_path_is_a_sequence_too(sparse, path):
    assert sparse[1].beta.shape == (1, 4)
    assert sparse[1].beta.toarray()[0].tolist() == path[1].beta.tolist()


def test_repr_is_one_line_of_what_matters(path):
    assert repr(path) == (
        "<SaddlePath of Pesme-Flammarion: 3 jumps until tau = 11.2653, loss 0.25 to 0, converged>"
    )
    assert "1 jump until" in repr(saddles.pesme_flammarion([[1.0]], [1.0]))


def test_message_and_success_are_those_of_the_status(path):
    assert path.message == Status.CONVERGED.sentence
    assert path.success
    assert not replace(path, status=Status.STALLED).success


def test_certificates(path):
    assert path.certificates.worst < 1e-14
    assert path.certificates[0] == Certificate(stationarity=0.0, violation=0.0)
    # First clock at 2 for x₁·y = 1, runner-up x₃·y = 0.7: 1/0.7 − 1.
    assert path.certificates[1].margin == pytest.approx(1 / 0.7 - 1)
    assert path.certificates[1].holds(1e-14)
    assert not Certificate(stationarity=0.1, violation=0.0).holds(0.01)
    assert not Certificate(stationarity=0.0, violation=0.1).holds(0.01)
    assert not Certificate(stationarity=math.nan, violation=0.0).holds(1.0)


# --- time ---------------------------------------------------------------------------------------


def test_physical_times_of_homogeneity_two(path):
    assert path.physical_times(-100).tolist() == (path.times * 100).tolist()
    assert path.physical_times(log_alpha=-1e6)[-1] == path.times[-1] * 1e6


def test_physical_times_of_higher_homogeneity(path):
    cubic = replace(path, kappa=3)
    assert cubic.physical_times(-2.0) == pytest.approx(path.times * math.exp(2), rel=1e-15)
    quartic = physical_times([1.0, 2.0], log_alpha=-2.0, kappa=4)
    assert quartic == pytest.approx([math.exp(4), 2 * math.exp(4)], rel=1e-15)


def test_physical_times_that_overflow_are_refused(path):
    cubic = replace(path, kappa=3)
    assert np.isfinite(cubic.physical_times(-700.0)).all()
    with pytest.raises(
        OverflowError, match=r"log_alpha=-1000.0: a time overflows.*keep the scaled"
    ):
        cubic.physical_times(-1000.0)
    with pytest.raises(OverflowError, match="overflow"):
        cubic.physical_times(-709.0)  # the unit of time fits, the last time does not
    with pytest.raises(OverflowError, match="overflow"):
        replace(path, times=path.times * 1e200).physical_times(-1e140)


def test_physical_times_default_to_the_paths_own_scale(path):
    finite = saddles.agf.diagonal(X, Y, log_alpha=-3.0)
    assert finite.physical_times() == pytest.approx(finite.times * 3, rel=1e-15)
    with pytest.raises(ValueError, match=r"log_alpha=-inf: .* finite"):
        path.physical_times()


@pytest.mark.parametrize("log_alpha", [0, 1, math.nan, -math.inf])
def test_physical_times_refuse_scales_that_are_none(path, log_alpha):
    with pytest.raises(ValueError, match=r"log_alpha=.*pass log\(alpha\), not alpha"):
        path.physical_times(log_alpha)


# --- storage ------------------------------------------------------------------------------------


def assert_identical(path, other):
    for entry in fields(SaddlePath):
        ours, theirs = getattr(path, entry.name), getattr(other, entry.name)
        if hasattr(ours, "toarray"):
            assert type(theirs) is type(ours)
            ours, theirs = ours.toarray(), theirs.toarray()
        if entry.name in ("active", "entered", "left"):
            assert [u.dtype for u in ours] == [u.dtype for u in theirs]
            ours, theirs = ([u.tolist() for u in v] for v in (ours, theirs))
        if entry.name == "certificates":
            ours, theirs = ({k: v.tolist() for k, v in vars(c).items()} for c in (ours, theirs))
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            ours, theirs = ours.tobytes(), theirs.tobytes()
        assert ours == theirs, entry.name


@given(strategies.gaussian())
def test_dictionary_holds_the_path_to_the_last_bit(problem):
    path = saddles.pesme_flammarion(*problem)
    assert_identical(path, SaddlePath.from_dict(json.loads(json.dumps(path.to_dict()))))


@given(strategies.integer_regressions())
def test_dictionary_holds_degenerate_paths_to_the_last_bit(problem):
    path = saddles.agf.diagonal(*problem, log_alpha=-3.3)
    assert_identical(path, SaddlePath.from_dict(json.loads(json.dumps(path.to_dict()))))


def test_file_holds_the_path_to_the_last_bit(path, sparse, tmp_path):
    for kept in (path, sparse, saddles.agf.diagonal(X, Y, log_alpha=-1e5)):
        for name in (tmp_path / "path.json", str(tmp_path / "named by a string.json")):
            kept.save(name)
            assert_identical(kept, SaddlePath.load(name))


def test_file_is_strict_json(path, tmp_path):
    file = tmp_path / "path.json"
    path.save(file)
    text = file.read_text(encoding="utf-8")
    data = json.loads(text, parse_constant=pytest.fail)
    assert data["log_alpha"] == "-inf"
    assert data["certificates"]["margin"][0] == "inf"
    assert text.endswith("\n")


def test_what_is_no_whole_path_is_refused(path):
    with pytest.raises(TypeError, match=r"data=\[\] must be a dictionary"):
        saddles.SaddlePath.from_dict([])
    for name in path.to_dict().keys() - {"format", "message", "remaining"}:
        data = path.to_dict()
        del data[name]
        with pytest.raises(ValueError, match=f"data lacks {name};"):
            saddles.SaddlePath.from_dict(data)


def test_other_formats_are_refused(path):
    for data in ({}, path.to_dict() | {"format": 999}):
        with pytest.raises(ValueError, match=r"format=.*this version reads format 1"):
            SaddlePath.from_dict(data)


def test_path_survives_pickling_and_copying(path, sparse):
    for kept in (path, sparse):
        assert_identical(kept, pickle.loads(pickle.dumps(kept)))
        assert_identical(kept, copy.deepcopy(kept))


def test_results_are_frozen(path):
    for thing, name in ((path, "times"), (path[0], "time"), (path.certificates, "margin")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, 0)


def test_frame_has_a_row_per_saddle(path):
    pytest.importorskip("pandas")
    frame = path.to_frame()
    assert frame.index.name == "jump"
    assert frame["time"].tolist() == path.times.tolist()
    assert frame["loss"].tolist() == path.losses.tolist()
    assert frame["entered"].tolist() == [(), (0,), (2,), (3,)]
    assert frame["left"].tolist() == [(), (), (0,), ()]
    assert frame["n_active"].tolist() == [0, 1, 1, 2]
    assert frame["unique"].all()
    assert {"stationarity", "violation", "margin"} <= set(frame.columns)
