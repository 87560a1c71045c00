"""Error bars of jump times: what they are, which jumps have them, and what is said of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

import saddles
from saddles.agf._engine.clock import Clock
from saddles.agf._engine.setting import FIRST, Again
from saddles.status import Status
from tables.modular_addition import published
from tables.modular_scales import pure


def modular(**options):
    """Random neurons, six of each frequency."""
    return saddles.agf.modular_addition(published(), init=pure(1), **options)


@pytest.fixture(scope="module")
def uncertain():
    return modular(log_alpha=math.log(1e-3), max_jumps=6)


def test_a_time_that_the_flow_contradicts_has_an_error_bar(uncertain):
    """The flow has the sixth jump at .3244, where AGF says .9742 by a lead of .12."""
    errors = uncertain.certificates.time_error
    assert errors[6] > 0.1
    assert uncertain[6].certificate.time_error == errors[6]
    assert f"time ±{100 * errors[6]:.2g} %" in str(uncertain[6].certificate)
    assert not errors[:2].any(), "the first jump has no saddle at infinity before it"
    assert "uncertain by more than 1 %" in uncertain.message
    assert uncertain.status is Status.MAX_JUMPS


def test_error_bars_change_nothing_else(uncertain):
    plain = modular(log_alpha=math.log(1e-3), max_jumps=2, error_bars=False)
    assert plain.times.tolist() == uncertain.times[:3].tolist()
    assert not plain.certificates.time_error.any()
    assert plain.message == Status.MAX_JUMPS.sentence


def test_paths_without_saddles_at_infinity_have_none():
    """Nor has the jump that leads to the first one."""
    template = np.cos(2 * np.pi * np.arange(7) / 7)
    for width, log_alpha in ((1, -9.0), (2, -math.inf)):
        path = saddles.agf.modular_addition(template, width=width, log_alpha=log_alpha)
        assert not path.certificates.time_error.any()
        assert path.certificates.remark == ""


def test_error_bars_survive_files(uncertain, tmp_path):
    uncertain.save(tmp_path / "path.json")
    loaded = saddles.SaddlePath.load(tmp_path / "path.json")
    assert loaded.certificates.time_error.tolist() == uncertain.certificates.time_error.tolist()
    assert loaded.message == uncertain.message
    lost = replace(uncertain.certificates, time_error=np.full(7, math.inf))
    path = saddles.SaddlePath.from_dict(replace(uncertain, certificates=lost).to_dict())
    assert np.isinf(path.certificates.time_error).all()
    assert "or more" in path.message


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_a_second_run_counts_the_time_of_the_flow(degree):
    """Scaled time is t / log(1/α), or t α^(κ−2); in the limit all plateaus last for ever."""
    alpha = 1e-3
    again = Again.of(np.array([0.0, 1.0, 3.0]), Clock(degree, -math.log(alpha)))
    unit = -math.log(alpha) if degree == 2 else alpha ** (2 - degree)
    assert again.life(1.0) == pytest.approx(2 * unit / 4)
    assert again.life(3.0) == math.inf
    assert again.during(5.0) == pytest.approx(5 / unit)
    limit = Again.of(np.array([0.0, 1.0]), Clock(degree, math.inf))
    assert limit.life(0.5) == FIRST.life(0.5) == math.inf
    assert limit.during(5.0) == FIRST.during(5.0) == 0
