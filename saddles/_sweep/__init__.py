"""One function over a grid of points, on all cores or a cluster, resumed after any kill.

Read `sweep` first, the public function. `pool` computes the points, in worker processes of its own
or in an executor. `store` is the file that keeps each finished point. `result` is what a sweep
returns: values, errors, and averages over repetitions.
"""
