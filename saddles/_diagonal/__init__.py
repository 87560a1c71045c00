"""Diagonal linear networks: the exact staircase in the limit, and its twin at a finite scale.

Read `pesme_flammarion` first, the public function, then `dual_path`, the steps of its algorithm.
Each step has modules of its own:

- utility, the race of the clocks: `race` lets the clocks of some columns run; `screening` finds the
  few clocks that could ring next, and `tube` says for how long the others are safe;
- cost, the descent: `cone` is least squares with prescribed signs; it uses `column_basis`, an
  orthonormal basis that follows the active columns, and `refined_least_squares` for the last
  digits;
- `certified` turns states into saddles with certificates; `left_over` finds what the loss could
  still fall by at an end; `resumed` checks a path that is to be continued.

`agf` is alternating gradient flow of the same network, with its `clock` at a finite scale. It
shares only least squares with the modules above, and serves as a check of them. `exact_check`
recomputes a path in rational arithmetic, for the command ``saddles verify``.
"""
