"""Comparison tables, one module each; ``python -m tables [NAME ...]`` writes ``results/``."""

from importlib import import_module

from tables.table import Table

__all__ = ["NAMES", "build"]

#: The tables, in the order in which they are made.
NAMES = (
    "aligned",
    "unaligned",
    "nonmonotone",
    "depth",
    "diabetes",
    "implicit_bias",
    "neuron",
    "timescales",
    "diagonal_bias",
    "greedy_low_rank",
    "linear_networks",
    "digits",
    "naive_flow",
    "low_rank_vs_nuclear",
    "conserved",
    "lazy_rich",
    "function_space",
    "modular_addition",
    "modular_ladder",
    "modular_times",
    "modular_scales",
    "attention",
    "relu_directions",
    "estimators",
    "digits_networks",
    "deep_linear",
    "deep_completion",
    "deep_quadratic",
    "multi_index",
    "search",
    "samples",
    "leaps",
    "hermite_tensors",
    "trainer",
    "groups",
    "group_published",
    "group_ladder",
)

#: Timings, made only when asked for by name and printed, not kept.
TIMINGS = ("speed", "trainer_times")


def build(name: str) -> Table:
    """Compute the table called `name`."""
    table = import_module(f"tables.{name}").build()
    assert isinstance(table, Table)
    return table
