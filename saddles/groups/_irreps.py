"""Irreducible representations of a finite group, from its multiplication table and numpy alone.

Take random complex numbers c with c[g⁻¹] = conj(c[g]). The convolution (A f)[h] = Σ_g c[g] f[hg] of
functions on the group is Hermitian, and it commutes with every shift (L_g f)[h] = f[g⁻¹h]. Each of
its eigenspaces is therefore one irrep (Dixon, "Computing irreducible representations of groups",
1970, has the idea): ρ(g) = B†L_gB with B an orthonormal basis of the eigenspace. An irrep of
dimension d turns up d times, and one of them is kept. Two eigenvalues that coincide by accident
would give a character of norm above 1: then c is drawn again.

Its type is told by the Frobenius–Schur indicator (1/n) Σ_g χ(g²), which is 1 (real), 0 (complex) or
−1 (quaternionic). An irrep of complex type and its conjugate count as one.

=================  ===================================================================
code name          symbol
=================  ===================================================================
``divide``         entry [g, h] is g⁻¹h, (n, n)
``dim``            d, the complex dimension
``field_dim``      e = 1, 2 or 4: real dimensions of the field D of a type
``size``           q, the size of matrices over D: d, d or d/2
``real_dim``       d_R, the dimension of the real irrep: d, 2d or 2d
=================  ===================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles._tools.record import Record
from saddles.typing import Array, Indices

__all__ = ["Irrep", "found_irreps"]

#: Eigenvalues that differ by no more than this share of the largest are equal: rounding leaves
#: 1e-13, and random ones come this near once in a million draws.
EQUAL = 1e-10
#: Characters of two irreps differ by more than this, their norms from 1 by less.
CHARACTER = 1e-6
#: Decimals by which characters are sorted.
SORTED = 9
#: Draws after which eigenvalues do not coincide by accident.
DRAWS = 20
#: Real dimensions of the field of a type.
FIELDS = {"real": 1, "complex": 2, "quaternionic": 4}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Irrep(Record):
    """One irreducible representation ρ of a group of n elements, `Group.irreps` makes them.

    Attributes
    ----------
    dim : int
        Complex dimension d.
    kind : {"real", "complex", "quaternionic"}
        Type, by the Frobenius–Schur indicator. Complex ones stand for their conjugate, too.
    character : ndarray of complex, shape (n,)
        χ(g) = tr ρ(g).
    matrices : ndarray, shape (n, d, d)
        ρ(g): unitary, and real (orthogonal) for the real type. A change of basis makes others,
        which are as good.
    """

    dim: int
    kind: str
    character: Any
    matrices: Any

    @property
    def field_dim(self) -> int:
        """Real dimensions of the numbers that commute with ρ: 1, 2 or 4."""
        return FIELDS[self.kind]

    @property
    def size(self) -> int:
        """Size q of its matrices over these numbers: d, or d/2 for the quaternionic type."""
        return self.dim // 2 if self.kind == "quaternionic" else self.dim

    @property
    def real_dim(self) -> int:
        """Dimension of the irrep over the real numbers: d, or 2d if the type is not real."""
        return self.dim if self.kind == "real" else 2 * self.dim

    def _shown(self) -> dict[str, Any]:
        return {"dim": self.dim, "kind": self.kind}


def found_irreps(table: Indices, inverse: Indices) -> tuple[Irrep, ...]:
    """Return all irreps, sorted by dimension, type and character; the trivial one is first."""
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        spaces = _eigenspaces(table[inverse], inverse, rng)
        if spaces is not None:
            break
    else:  # pragma: no cover
        raise RuntimeError(f"eigenvalues coincide in {DRAWS} draws; please report the table.")
    squares = np.diagonal(table)
    irreps = [_irrep(B, character, squares, table[inverse], rng) for B, character in spaces]
    kept = [r for r in irreps if r.kind != "complex" or _leads(r.character)]
    return tuple(sorted(kept, key=_order))


def _eigenspaces(divide: Indices, inverse: Indices, rng: Any) -> list[tuple[Any, Any]] | None:
    """Return a basis (n, d) and the character (n,) for each irrep, None if eigenvalues coincide."""
    n = len(divide)
    c = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    values, vectors = np.linalg.eigh((c + np.conj(c[inverse]))[divide])
    ends = np.flatnonzero(np.diff(values) > EQUAL * np.abs(values).max()) + 1
    found: list[tuple[Any, Any]] = []
    known = np.empty((0, n), dtype=complex)
    for B in np.split(vectors, ends, axis=1):
        # tr(B†L_gB) is a sum over the projector on the eigenspace.
        character = (B @ np.conj(B.T))[divide, np.arange(n)].sum(axis=1)
        if abs(np.mean(np.abs(character) ** 2) - 1) > CHARACTER:
            return None
        if not (np.abs(known - character).max(axis=1, initial=0) <= CHARACTER).any():
            found.append((B, character))
            known = np.vstack([known, character])
    return found if sum(B.shape[1] ** 2 for B, _ in found) == n else None


def _irrep(B: Any, character: Any, squares: Indices, divide: Indices, rng: Any) -> Irrep:
    """Return the irrep on the span of columns B (n, d)."""
    matrices = np.conj(B.T) @ B[divide]
    indicator = int(np.rint(np.mean(character[squares]).real))
    kind = {1: "real", 0: "complex", -1: "quaternionic"}[indicator]
    if kind == "real":
        matrices = _real_form(matrices, rng)
    return Irrep(dim=B.shape[1], kind=kind, character=character, matrices=matrices)


def _real_form(matrices: Any, rng: Any) -> Array:
    """Return ρ (n, d, d) of real type in a basis in which it is real.

    J = mean of ρ(g) X ρ(g)ᵀ for a symmetric X is symmetric and, up to a factor, unitary; so J ∝ SSᵀ
    with S unitary, and S†ρS is real. Columns a + ib of S are eigenvectors (a, b) of a real matrix.
    """
    d = matrices.shape[1]
    X = rng.standard_normal((d, d)) + 1j * rng.standard_normal((d, d))
    J = np.mean(matrices @ (X + X.T) @ matrices.transpose(0, 2, 1), axis=0)
    both = np.block([[J.real, J.imag], [J.imag, -J.real]])
    columns = np.linalg.eigh((both + both.T) / 2)[1][:, d:]
    S = columns[:d] + 1j * columns[d:]
    return np.asarray((np.conj(S.T) @ matrices @ S).real)


def _leads(character: Any) -> bool:
    """Whether this is the one of two conjugate characters that is kept."""
    parts = character.imag
    return bool(parts[np.abs(parts) > CHARACTER][0] > 0)


def _order(irrep: Irrep) -> tuple[Any, ...]:
    """Return what irreps are sorted by: those of the largest characters come first."""
    # Adding zero makes 0 of −0.
    values = np.round(-irrep.character, SORTED) + 0
    parts = [*values.real.tolist(), *values.imag.tolist()]
    return (irrep.dim, list(FIELDS).index(irrep.kind), parts)
