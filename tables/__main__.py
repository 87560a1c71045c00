"""Make tables: all of them, or those that are named."""

from __future__ import annotations

import argparse
import sys

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from tables import NAMES, TIMINGS, build


def main() -> int:
    """Make the tables, print their disagreements, and return 1 if one misses its tolerance."""
    parser = argparse.ArgumentParser(prog="python -m tables", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES + TIMINGS))
    names = parser.parse_args().names or list(NAMES)
    if unknown := [name for name in names if name not in NAMES + TIMINGS]:
        parser.error(f"no table {unknown[0]!r}; there are {', '.join(NAMES + TIMINGS)}")
    made = []
    # One BLAS thread: the order of summation, hence the last digit, must not depend on the machine.
    with threadpool_limits(1):
        for name in tqdm(names, desc="tables", unit="table"):
            table = build(name)
            if name not in TIMINGS:
                table.write()
            made.append(table)
    for table in made:
        if table.name in TIMINGS:
            print(f"\n{table.markdown()}")
        print(f"\n{table.name}: {'ok' if table.passed else 'MISSED ITS TOLERANCE'}")
        for check in table.checks:
            print(f"  {check.label}: {check.value:.1e} (at most {check.tolerance:.0e})")
    return 0 if all(table.passed for table in made) else 1


if __name__ == "__main__":
    sys.exit(main())
