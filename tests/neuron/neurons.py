"""Hypothesis strategies for initialisations of the single neuron, over many scales."""

import math

import numpy as np
from hypothesis import strategies as st

from saddles import neuron


def magnitudes(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers from 10^low to 10^high, evenly in their logarithm."""
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


def signs() -> st.SearchStrategy[float]:
    return st.sampled_from([-1.0, 1.0])


@st.composite
def starts(draw: st.DrawFn) -> tuple[np.ndarray, float, np.ndarray]:
    """beta_star, a0 and w0 with δ, |β*|, |β₀| over many scales and any angle."""
    delta = draw(
        st.one_of(st.just(0.0), st.builds(lambda m, s: m * s, magnitudes(-12, 3), signs()))
    )
    size, norm = draw(magnitudes(-3, 3)), draw(magnitudes(-3, 2))
    cosine = draw(st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-1, 1)))
    total = math.hypot(delta, 2 * norm)
    large = (total + abs(delta)) / 2
    squares = (large, norm**2 / large) if delta >= 0 else (norm**2 / large, large)
    direction = np.array([0.6, 0.0, -0.8])
    across = np.array([0.8, 0.0, 0.6])
    w0 = math.sqrt(squares[1]) * (cosine * direction + math.sqrt(1 - cosine**2) * across)
    return size * direction, draw(signs()) * math.sqrt(squares[0]), w0


def weights_of(beta0: np.ndarray, delta: float) -> tuple[float, np.ndarray]:
    norm = float(np.linalg.norm(beta0))
    large = (math.hypot(delta, 2 * norm) + abs(delta)) / 2
    a0 = math.sqrt(large) if delta >= 0 else norm / math.sqrt(large)
    return a0, beta0 / a0


def condition(flow: neuron.Trajectory) -> float:
    """How much rounding of the start is enlarged, by the cancellation in its escape part."""
    size = math.hypot(flow.a0, float(np.linalg.norm(flow.w0)))
    return max(1.0, size / abs(flow.growing)) if flow.growing else math.inf
