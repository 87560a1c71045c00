"""Numerical methods that several families share.

`precision` holds the constants that follow from float64. `stepping` is the one loop around scipy's
integrators, with their tolerances: every flow, descent and alignment takes its steps there.
`critical` is the one search for critical points, by Newton's method. `balance` keeps neurons that
are balanced on their cone. `ends` says of every flow
whether its end is the end of training, and what is left. Read them in this order.
"""
