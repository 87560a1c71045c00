"""The commands of `saddles.cli`, which need typer and rich.

Read `app` first, the commands and their options, then `commands`, what each computes and prints.
`data` reads a table of numbers, `judges` recomputes a path in three other ways for ``saddles
verify``, and `output` prints results, warnings and errors.
"""
