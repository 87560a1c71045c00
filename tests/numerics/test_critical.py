"""The search for critical points, on functions whose critical points are known."""

from dataclasses import dataclass

import numpy as np
import pytest

from saddles._numerics.critical import Point, Rules, Spectrum, curves_down, search

RULES = Rules(enough=1e-13, patience=3)


@dataclass
class Quartic:
    """φ = Σ c_i (x_i² − 1)²/4 + ½ x·A x: minima and saddles beside each other."""

    weights: np.ndarray
    form: np.ndarray

    def force(self, x):
        return -(self.weights * x * (x**2 - 1) + self.form @ x)

    def hessian(self, x):
        return np.diag(self.weights * (3 * x**2 - 1)) + self.form

    def point(self, x):
        force = self.force(x)
        return Point(x, force, float(np.linalg.norm(force)), lambda: Spectrum.of(self.hessian(x)))

    def newton_step(self, at):
        return at.spectrum.inverse(at.force, 1e-14 * at.spectrum.largest)


@dataclass
class Valley(Quartic):
    """φ = (|x|² − 1)²/4: a sphere of minima."""

    def force(self, x):
        return -(x @ x - 1) * x

    def hessian(self, x):
        return (x @ x - 1) * np.eye(x.size) + 2 * np.outer(x, x)


def wells():
    return Quartic(np.array([1.0, 2.0, 0.5]), np.zeros((3, 3)))


def test_the_digits_are_added():
    found = search(wells(), np.array([0.9, -1.1, 1.05]), RULES)
    assert found.point.place == pytest.approx([1, -1, 1], abs=1e-12)
    assert found.point.size <= 1e-13
    assert found.moved == pytest.approx(found.point.place - [0.9, -1.1, 1.05], abs=1e-15)
    assert not found.point.spectrum.climbs(found.moved)
    assert found.point.spectrum.flat == 0


def test_a_start_at_the_answer_stays():
    start = np.array([1.0, -1.0, 1.0])
    found = search(wells(), start, RULES)
    assert found.point.place is start
    assert not found.moved.any()


def test_a_way_up_to_a_saddle_is_a_climb():
    """From beside the maximum at 0 Newton's method goes there, and the flow away from it."""
    found = search(wells(), np.array([0.05, 1.0, 1.0]), RULES)
    assert found.point.place == pytest.approx([0, 1, 1], abs=1e-12)
    assert found.point.spectrum.climbs(found.moved)
    along = search(wells(), np.array([0.0, 1.05, 0.95]), RULES)
    assert along.point.place == pytest.approx([0, 1, 1], abs=1e-12)
    assert not along.point.spectrum.climbs(along.moved)


def test_a_displacement_that_is_too_short_may_point_anywhere():
    spectrum = Spectrum(np.array([-1.0, 2.0]), np.eye(2))
    assert spectrum.climbs(np.array([1e-9, 0.0]))
    assert not spectrum.climbs(np.array([1e-9, 0.0]), shortest=1e-3)


def test_a_search_that_strays_is_given_up():
    near_inflection = np.array([0.58, 1.0, 1.0])  # curvature all but vanishes at 1/√3
    assert search(wells(), near_inflection, Rules(enough=1e-13, patience=3, reach=0.5)) is None
    assert search(wells(), near_inflection, RULES) is not None


def test_of_a_continuum_the_nearest_point_is_found_and_its_flat_directions_counted():
    start = np.array([0.6, 0.0, 0.9])
    found = search(Valley(np.ones(3), np.zeros((3, 3))), start, RULES)
    assert found.point.place == pytest.approx(start / np.linalg.norm(start), abs=1e-10)
    assert found.point.spectrum.flat == 2
    assert found.point.spectrum.along_flat(np.array([0.0, 3.0, 0.0]), 1e-8) == pytest.approx(3.0)


def test_a_landscape_without_a_step_ends_the_search():
    @dataclass
    class Stuck(Quartic):
        def newton_step(self, at):
            return None

    assert search(Stuck(np.ones(3), np.zeros((3, 3))), np.full(3, 0.5), RULES) is None


def test_a_place_without_a_force_ends_the_search():
    @dataclass
    class Walled(Quartic):
        def force(self, x):
            return super().force(x) + np.log(1.05 - np.abs(x))

    with np.errstate(invalid="ignore"):
        walled = Walled(np.ones(3), np.zeros((3, 3)))
        assert search(walled, np.array([0.6, 1.0, 1.0]), RULES) is None


def test_curvature_within_its_noise_is_none():
    spectrum = Spectrum(np.array([-1e-3, 1e-3, 2.0]), np.eye(3), noise=np.array([1e-2, 1e-4, 1e-4]))
    force = np.ones(3)
    assert spectrum.inverse(force, 1e-14) == pytest.approx([0.0, 1e3, 0.5])
    assert spectrum.along_flat(force, 1e-14) == pytest.approx(1.0)
    assert spectrum.flat == 1
    assert not spectrum.climbs(np.array([1.0, 0.0, 0.0]))


def test_a_symmetry_is_left_out_of_the_spectrum():
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    hessian = turn @ np.diag([0.0, 1.0, -2.0, 3.0]) @ turn.T
    spectrum = Spectrum.of(hessian, turn[:, :1])
    assert spectrum.values == pytest.approx([-2.0, 1.0, 3.0])
    assert np.abs(spectrum.vectors.T @ turn[:, 0]).max() <= 1e-14
    step = spectrum.inverse(turn @ np.array([5.0, 1.0, 1.0, 1.0]), 1e-12)
    assert turn.T @ step == pytest.approx([0.0, 1.0, -0.5, 1 / 3], abs=1e-12)


@pytest.mark.parametrize(
    ("share", "slack", "down"), [(1e-6, 0, True), (1e-2, 0, False), (0, 1, False)]
)
def test_curvature_leads_down_by_more_than_is_explained(share, slack, down):
    assert curves_down(np.diag([-1e-3, 1.0]), share=share, slack=slack) is down
