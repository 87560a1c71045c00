"""Quadratic networks on modular addition: composition in the cyclic group, as `_groups` has it.

Read `template` first: what follows from the encoding alone (spectrum, powers, bounds, losses of the
plateaus), then `network`, and `addition`, the public function. `modes` reads frequencies and phases
off neurons; `report` shows what a path has learnt.
"""
