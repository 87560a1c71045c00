"""Products of any number of group elements by a recurrent network, from one that multiplies two.

Marchetti et al., "Sequential Group Composition" (2026, arXiv:2602.03655), say that a recurrent
network needs no more neurons for longer sequences. Neurons (u_i, v_i, w_i) that multiply two
elements exactly give one in closed form: their output is an encoding again, so it may be the next
input. Derived here.

====================  ===========================================================================
code name             symbol
====================  ===========================================================================
``U, V, W``           weights u_i, v_i and w_i of the H neurons, one per row, (H, n)
``W_in, W_dr``        U and V
``W_mix, W_out``      U Wᵀ and Wᵀ
====================  ===========================================================================
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools import torch_modules
from saddles.agf._groups.network import GroupComposition
from saddles.typing import Array, ArrayLike

__all__ = ["recurrent_composition"]


def recurrent_composition(
    network: GroupComposition, theta: ArrayLike | None = None, *, tol: float = 1e-9
) -> Any:
    """Return a quadratic recurrent network that multiplies any number of group elements.

    Parameters
    ----------
    network : GroupComposition
        The group and the template, with k = 2.
    theta : array_like of shape (H, 3n), optional
        Neurons that multiply two elements exactly, such as the last ``path.neurons`` of a path that
        has converged to zero loss. By default they are explicit ones: for each irrep with power
        2d³ if it is of real type, at most 8d³ otherwise, which is not the smallest number.
    tol : float
        Largest share of the loss that `theta` may leave. Each step of a sequence adds an error
        of about its square root, relative to an encoding, and may multiply earlier ones.

    Returns
    -------
    torch.nn.Module
        A module of float64 parameters W_in, W_dr (H, n), W_mix (H, H) and W_out (n, H). It maps
        sequences L_{g_1}x, …, L_{g_k}x of any length k ≥ 2, shape (batch, k, n), to
        L_{g_1⋯g_k}x, shape (batch, n).

    Raises
    ------
    TypeError, ValueError
        If `network` is no `GroupComposition` with k = 2, if `theta` has the wrong shape or leaves
        more than `tol` of the loss, or if x̂(ρ) of an irrep is singular, for then no neurons are
        exact.
    ImportError
        If torch is not installed.

    Notes
    -----
    h_2 = (W_in x_1 + W_dr x_2)², h_t = (W_mix h_{t−1} + W_dr x_t)² and ŷ = W_out h_k, with squares
    entry by entry. The width H does not depend on k. Alternating gradient flow does not apply to
    the training of this network: W_mix couples its neurons, and W_dr x_t and W_mix h_{t−1} have
    different degrees in the weights. Degree, clocks and bounds of `GroupComposition` say nothing
    about it.

    Examples
    --------
    >>> import numpy as np, saddles, torch
    >>> group = saddles.groups.symmetric(3)
    >>> x = np.random.default_rng(0).standard_normal(6)
    >>> rnn = saddles.agf.recurrent_composition(saddles.agf.GroupComposition(group, x))
    >>> codes = x[group.table[group.inverse]]  # L_g x, one row per element
    >>> g, h, f = 1, 4, 5
    >>> answer = rnn(torch.tensor(codes[[[g, h, f]]])).detach().numpy()[0]
    >>> bool(np.allclose(answer, codes[group.table[group.table[g, h], f]]))
    True
    """
    if not isinstance(network, GroupComposition):
        raise TypeError(
            f"network={checks.show(network)} must be a saddles.agf.GroupComposition; make one from "
            "a group and a template."
        )
    if network.k != 2:
        raise ValueError(
            f"network has k={network.k!r}; a recurrent network is made from one that multiplies "
            "two elements, so pass a GroupComposition with k=2."
        )
    torch = torch_modules.torch()
    from saddles.agf._groups.rnn import QuadraticRNN

    share = checks.real_number(tol, "tol", "pass a share above 0 and below 1", lambda s: 0 < s < 1)
    rows = explicit(network) if theta is None else checks.real_array(theta, "theta", 2)
    if rows.shape[1] != network.size:
        raise ValueError(
            f"theta={checks.show(rows)} has {rows.shape[1]} columns; a neuron has 3n = "
            f"{network.size} weights."
        )
    left = network.loss(rows) / network.loss(rows[:0])
    if not left <= share:
        raise ValueError(
            f"theta={checks.show(rows)} leaves {left:.2g} of the loss, above tol={tol!r}; pass "
            "neurons that multiply two elements exactly, or leave theta out."
        )
    U, V, W = rows.reshape(len(rows), 3, -1).transpose(1, 0, 2)
    return QuadraticRNN(*(torch.tensor(part) for part in (U, V, U @ W.T, W.T)))


def explicit(network: GroupComposition) -> Array:
    """Return neurons (H, 3n) that multiply two elements exactly.

    u·L_g x = ρ(g)_ab and v·L_h x = (ρ(h) x̂)_bc, whose products sum to ρ(gh) x̂. Squares cancel
    between (u, v, w) and (u, −v, −w).
    """
    if network.floor:
        singular = np.flatnonzero(network.unlearnable).tolist()
        raise ValueError(
            f"template={checks.show(network.template)}: x̂(ρ) is singular for the irreps "
            f"{singular}, so no neurons multiply exactly; pass a template for which "
            "GroupComposition.unlearnable is zero."
        )
    n, rows = network.group.order, []
    known = zip(network.irreps, network.group.fourier(network.template), strict=True)
    for number, (irrep, x) in enumerate(known):
        if network.power[number] == 0:
            continue
        weight = irrep.dim * (1 + (irrep.kind == "complex")) / n
        first = irrep.matrices @ np.linalg.inv(x)
        for a, b, c in product(range(irrep.dim), repeat=3):
            factors = first[:, a, b], irrep.matrices[:, b, c], irrep.matrices[:, a, c].conj()
            rows += _real_products(*factors, weight)
    return np.array(rows)


def _real_products(u: Any, v: Any, w: Any, weight: float) -> list[Array]:
    """Return pairs of neurons for `weight` Re((u·L_g x)(v·L_h x) w), of complex u, v, w (n,)."""
    found = []
    for turns in product((0, 1), repeat=2):
        first, second = (
            part.imag if turn else part.real for part, turn in zip((u, v), turns, strict=True)
        )
        # The product has the factor 1, i, i or −1; w's part is what makes it real.
        last = weight / 4 * (w.real, -w.imag, -w.real)[sum(turns)]
        parts = [first, second, last]
        sizes = [float(np.linalg.norm(part)) for part in parts]
        if all(sizes):
            size = np.prod(sizes) ** (1 / 3)  # equal norms, whose product stays
            parts = [part * (size / own) for part, own in zip(parts, sizes, strict=True)]
            found += [np.concatenate([parts[0], s * parts[1], s * parts[2]]) for s in (1, -1)]
    return found
