"""Matrix factorisation W = UUᵀ and linear networks: greedy low-rank learning.

Read `losses` first, which says what is learnt, then `greedy_low_rank`, the algorithm and its
clocks. `descent` takes the active columns to the next critical point; `handed_clocks` hands the
clocks of dormant directions over from one saddle to the next. `loss_checks` checks a loss that a
user has written.

`agf_linear` is the linear network f(x) = AWx, whose saddles need no descent: `linear_blocks` takes
the data apart into parts that never interact, `linear_modes` solves an eigenproblem for each, and
`linear_descent` follows the flow only where maps explain the data equally well. `moments` checks
the second moments that such networks learn from.
"""
