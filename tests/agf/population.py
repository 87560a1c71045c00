"""ReLU neurons a relu(w·x) on the whole population x ~ N(0, I), with kernels in closed form.

E relu(w·x) relu(v·x) = |w| |v| (sin t + (π − t) cos t) / 2π, t the angle between w and v (Cho and
Saul, 2009). Second derivatives hold where neurons share a direction, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Pair:
    """The kernel of every w (H, d) with every v (J, d), and its derivatives."""

    w: Array
    v: Array

    def __post_init__(self) -> None:
        sizes = [np.linalg.norm(rows, axis=1) for rows in (self.w, self.v)]
        a, b = self.w / sizes[0][:, None], self.v / sizes[1][:, None]
        apart = np.linalg.norm(a[:, None] - b, axis=2)
        angle = 2 * np.arctan2(apart, np.linalg.norm(a[:, None] + b, axis=2))
        toward = b - np.cos(angle)[..., None] * a[:, None]
        back = a[:, None] - np.cos(angle)[..., None] * b
        sine = np.where(np.sin(angle) > 1e-300, np.sin(angle), 1.0)[..., None]
        known = (*sizes, a, b, angle, toward / sine, back / sine)
        for name, value in zip(("p", "q", "a", "b", "angle", "n", "m"), known, strict=True):
            object.__setattr__(self, name, value)

    def value(self) -> Array:
        first = np.sin(self.angle) + (np.pi - self.angle) * np.cos(self.angle)
        return self.p[:, None] * self.q * first / (2 * np.pi)

    def slope(self) -> Array:
        """∂/∂w, (H, J, d)."""
        along = np.sin(self.angle)[..., None] * self.a[:, None]
        return self.q[:, None] * (along + (np.pi - self.angle)[..., None] * self.b) / (2 * np.pi)

    def bend(self) -> Array:
        """∂²/∂w∂w, (H, J, d, d)."""
        across = np.eye(self.w.shape[1]) - self.a[:, None, :, None] * self.a[:, None, None]
        shape = across + self.n[..., :, None] * self.n[..., None, :]
        size = self.q * np.sin(self.angle) / (2 * np.pi * self.p[:, None])
        return size[..., None, None] * shape

    def mixed(self) -> Array:
        """∂²/∂w∂v, (H, J, d, d)."""
        outer = self.a[:, None, :, None] * self.b[:, None]
        turned = outer + self.n[..., :, None] * self.m[..., None, :]
        whole = (np.pi - self.angle)[..., None, None] * np.eye(self.w.shape[1])
        return (np.sin(self.angle)[..., None, None] * turned + whole) / (2 * np.pi)


@dataclass(frozen=True, eq=False)
class Population:
    """The loss ½ E (y − Σ a relu(w·x))², y = Σ_j b_j relu(u_j·x) + l·x + xᵀQx, trace Q = 0."""

    weights: Array
    teachers: Array
    linear: Array
    form: Array
    degree: int = 2
    kinked: bool = False

    @property
    def size(self) -> int:
        return 1 + self.teachers.shape[1]

    def _power(self) -> float:
        """E y², of teachers or of a polynomial."""
        teachers = self.weights @ Pair(self.teachers, self.teachers).value() @ self.weights
        return float(teachers + self.linear @ self.linear + 2 * np.sum(self.form**2))

    def _target(self, w: Array) -> tuple[Array, Array, Array]:
        """E y relu(w·x) and its derivatives; of the polynomial by its Hermite coefficients."""
        pair, eye = Pair(w, self.teachers), np.eye(w.shape[1])
        size = np.linalg.norm(w, axis=1)[:, None]
        unit, image = w / size, w @ self.form / size
        level = np.sum(unit * image, axis=1)[:, None]
        second = np.sqrt(1 / (2 * np.pi))
        value = pair.value() @ self.weights + w @ self.linear / 2 + second * (level * size)[:, 0]
        slope = np.einsum("hjd,j->hd", pair.slope(), self.weights) + self.linear / 2
        slope = slope + second * (2 * image - level * unit)
        mixed = image[:, :, None] * unit[:, None]
        bend = 2 * self.form - 2 * (mixed + mixed.transpose(0, 2, 1))
        bend = bend - level[..., None] * (eye - 3 * unit[:, :, None] * unit[:, None])
        bend = second * bend / size[..., None]
        return value, slope, np.einsum("hjde,j->hde", pair.bend(), self.weights) + bend

    def _residual(self, w: Array, active: Array) -> tuple[Array, Array, Array]:
        """E r relu(w·x) beside the active neurons, and its derivatives."""
        pair, a = Pair(w, active[:, 1:]), active[:, 0]
        value, slope, bend = self._target(w)
        bend = bend - np.einsum("hjde,j->hde", pair.bend(), a)
        return value - pair.value() @ a, slope - np.einsum("hjd,j->hd", pair.slope(), a), bend

    def loss(self, theta: Array) -> float:
        a, w = theta[:, 0], theta[:, 1:]
        return float(self._power() / 2 - a @ self._target(w)[0] + a @ Pair(w, w).value() @ a / 2)

    def utility(self, theta: Array, active: Array) -> Array:
        return theta[:, 0] * self._residual(theta[:, 1:], active)[0]

    def utility_gradient(self, theta: Array, active: Array) -> Array:
        value, slope, _ = self._residual(theta[:, 1:], active)
        return np.column_stack([value, theta[:, :1] * slope])

    def gradient(self, theta: Array) -> Array:
        return -self.utility_gradient(theta, theta)

    def hessian(self, theta: Array, basis: Array) -> Array:
        a, w = theta[:, 0], theta[:, 1:]
        pair, count, size = Pair(w, w), len(theta), self.size
        every = np.zeros((count, count, size, size))
        every[..., 0, 0] = pair.value()
        every[..., 1:, 0] = a[:, None, None] * pair.slope()
        every[..., 0, 1:] = a[None, :, None] * pair.slope().transpose(1, 0, 2)
        every[..., 1:, 1:] = (a[:, None] * a)[..., None, None] * pair.mixed()
        _, slope, bend = self._residual(w, theta)
        for i in range(count):
            every[i, i, 1:, 0] -= slope[i]
            every[i, i, 0, 1:] -= slope[i]
            every[i, i, 1:, 1:] -= a[i] * bend[i]
        m = basis.shape[1]
        inner = np.einsum("pm,hjpq,qn->hmjn", basis, every, basis)
        return inner.reshape(count * m, count * m)

    def point(self, theta: Array) -> Array:
        """The linear part of the network."""
        return theta[:, 0] @ theta[:, 1:] / 2


def teachers(weights: list[float], directions: Array, d: int) -> Population:
    """y = Σ_j b_j relu(u_j·z), z the first coordinates of d."""
    rows = np.zeros((len(weights), d))
    rows[:, : directions.shape[1]] = directions
    return Population(np.array(weights), rows, np.zeros(d), np.zeros((d, d)))


def staircase(d: int) -> Population:
    """y = z_1 + z_1 z_2."""
    form = np.zeros((d, d))
    form[0, 1] = form[1, 0] = 0.5
    return Population(np.zeros(1), np.eye(1, d), np.eye(d)[0], form)


def start(network: Population, width: int, seed: int, *, signs: bool) -> Array:
    """Balanced neurons, |a| = |w|, in random directions; every other one negative if `signs`.

    A negative neuron on a target that is nowhere negative shrinks to w = 0, where kernels kink.
    """
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((width, network.size - 1))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    return np.column_stack([np.where(signs & (np.arange(width) % 2 == 1), -1.0, 1.0), w])
