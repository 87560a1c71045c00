"""Linear attention on random regressions: its sampled loss, its levels in closed form, descent.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on transformers,
after Zhang, Singh, Latham and Saxe (2025, arXiv:2501.16265). A context is N pairs (x_n, y_n) and a
query x_q with y_n = wᵀx_n, w ~ N(0, I), x ~ N(0, Λ) drawn again for each; one layer of H heads
without softmax answers

    ŷ = Σ_i v_i (q_i · x_q) Σ_n y_n (k_i · x_n),        L = ½ E (wᵀx_q − ŷ)².

=============  ================================================
code           symbol
=============  ================================================
``v, q, k``    v_i (H,), q_i and k_i (H, D)
``Lambda``     Λ, (D, D)
``N``          length of the context
=============  ================================================
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sampled_loss(
    v: Floats, q: Floats, k: Floats, Lambda: Floats, N: int, samples: int, seed: int = 0
) -> tuple[float, float]:
    """Return the mean of ½ (wᵀx_q − ŷ)² over `samples` random contexts, and its standard error."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(Lambda)
    D, losses = len(Lambda), []
    while samples > 0:
        batch = min(samples, 20_000)
        w = rng.standard_normal((batch, D))
        x = rng.standard_normal((batch, N, D)) @ root.T
        x_q = rng.standard_normal((batch, D)) @ root.T
        y = np.einsum("bnd,bd->bn", x, w)
        y_hat = np.zeros(batch)
        for v_i, q_i, k_i in zip(v, q, k, strict=True):
            y_hat += v_i * (x_q @ q_i) * np.sum(y * (x @ k_i), axis=1)
        losses.append((np.sum(w * x_q, axis=1) - y_hat) ** 2 / 2)
        samples -= batch
    found = np.concatenate(losses)
    return float(found.mean()), float(found.std() / np.sqrt(len(found)))


def levels(eigenvalues: Floats, N: int) -> tuple[Floats, Floats]:
    """Return the losses after 0, 1, ... components, and m_i = 1/(tr Λ + (N+1) λ_i), λ descending.

    Component i lowers the loss by ½ λ_i / (1 + (1 + tr Λ/λ_i)/N).
    """
    lambdas = np.sort(eigenvalues)[::-1]
    trace = lambdas.sum()
    losses = [trace / 2]
    for value in lambdas:
        losses.append(losses[-1] - value / 2 / (1 + (1 + trace / value) / N))
    return np.array(losses), 1 / (trace + (N + 1) * lambdas)


def velocity(
    v: Floats, q: Floats, k: Floats, Lambda: Floats, N: int
) -> tuple[Floats, Floats, Floats]:
    """Return −∂L/∂v, −∂L/∂q, −∂L/∂k, from the moments of Gaussian contexts."""
    # E[(Σ_n y_n x_n) w^T] = N Λ, and E[(Σ_n y_n x_n)(Σ_m y_m x_m)^T] = N (N+1) Λ² + N tr(Λ) Λ.
    first = N * Lambda
    second = N * (N + 1) * Lambda @ Lambda + N * np.trace(Lambda) * Lambda
    M = np.zeros_like(Lambda)
    for v_i, q_i, k_i in zip(v, q, k, strict=True):
        M += v_i * np.outer(q_i, k_i)
    R = Lambda @ first - Lambda @ M @ second
    dv = np.array([q_i @ R @ k_i for q_i, k_i in zip(q, k, strict=True)])
    dq = np.array([v_i * R @ k_i for v_i, k_i in zip(v, k, strict=True)])
    dk = np.array([v_i * R.T @ q_i for v_i, q_i in zip(v, q, strict=True)])
    return dv, dq, dk


def flow(
    v: Floats, q: Floats, k: Floats, Lambda: Floats, N: int, times: Floats, rtol: float = 1e-9
) -> Floats:
    """Follow v' = −∂L/∂v, q' = −∂L/∂q, k' = −∂L/∂k; return M = Σ v_i q_i k_iᵀ at `times`."""
    from scipy.integrate import solve_ivp

    H, D = q.shape

    def split(z: Floats) -> tuple[Floats, Floats, Floats]:
        return z[:H], z[H : H + H * D].reshape(H, D), z[H + H * D :].reshape(H, D)

    def rate(_: float, z: Floats) -> Floats:
        return np.concatenate([part.ravel() for part in velocity(*split(z), Lambda, N)])

    start = np.concatenate([v, q.ravel(), k.ravel()])
    span = (0.0, float(times[-1]))
    run = solve_ivp(rate, span, start, t_eval=times, method="LSODA", rtol=rtol, atol=1e-14)
    Ms = []
    for z in run.y.T:
        v_t, q_t, k_t = split(z)
        Ms.append(np.einsum("i,ia,ib->ab", v_t, q_t, k_t))
    return np.array(Ms)
