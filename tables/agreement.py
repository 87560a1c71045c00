"""What agrees with what: all rows, in the order of the pages. `tables.pages` writes them."""

from __future__ import annotations

from tables import claims_of_groups, claims_of_linear, claims_of_multi_index, claims_of_neurons
from tables.claim import Claim, checks

__all__ = ["CLAIMS", "Claim", "checks"]

CLAIMS = (
    *claims_of_linear.CLAIMS,
    *claims_of_neurons.CLAIMS,
    *claims_of_multi_index.CLAIMS,
    *claims_of_groups.CLAIMS,
)
