"""A quadratic recurrent network as a torch module; only `recurrent` imports this file.

It needs torch, so it is loaded when such a network is made.
"""

from __future__ import annotations

import torch

__all__ = ["QuadraticRNN"]


class QuadraticRNN(torch.nn.Module):  # type: ignore[misc]
    """h_2 = (W_in x_1 + W_dr x_2)², h_t = (W_mix h_{t−1} + W_dr x_t)², ŷ = W_out h_k."""

    def __init__(
        self, first: torch.Tensor, drive: torch.Tensor, mix: torch.Tensor, out: torch.Tensor
    ) -> None:
        super().__init__()
        self.W_in = torch.nn.Parameter(first)
        self.W_dr = torch.nn.Parameter(drive)
        self.W_mix = torch.nn.Parameter(mix)
        self.W_out = torch.nn.Parameter(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ŷ (batch, n) of sequences `x` (batch, k, n), k at least 2."""
        n = self.W_in.shape[1]
        x = torch.as_tensor(x, dtype=self.W_in.dtype, device=self.W_in.device)
        if x.ndim != 3 or x.shape[1] < 2 or x.shape[2] != n:
            raise ValueError(
                f"x of shape {tuple(x.shape)} must be sequences (batch, k, {n}) of at least two "
                "encoded elements."
            )
        h = (x[:, 0] @ self.W_in.T + x[:, 1] @ self.W_dr.T) ** 2
        for t in range(2, x.shape[1]):
            h = (h @ self.W_mix.T + x[:, t] @ self.W_dr.T) ** 2
        return h @ self.W_out.T
