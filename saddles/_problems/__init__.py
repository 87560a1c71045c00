"""Regression data in every form: dense, sparse, weighted, centred, or second moments alone.

Everything enters by `door`, which hands algorithms data that are ready. Then read `regression`, the
problem that users see. `features` reads columns, however they are stored; `centring` takes means
away, by one rule for what is constant; `from_moments` turns second moments into data that have
them. Two views are for solvers: `in_units` is a regression in
units in which no product overflows, with its tolerances, and `row_space` splits weights into the
part that the features determine and the rest.
"""
