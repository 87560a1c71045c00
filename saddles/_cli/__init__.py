"""The commands of `saddles.cli`, which need typer and rich.

Read `app` first, the commands and their options, then `commands`, what each computes and prints.
`files` holds the options on files and `data` reads them, `judges` recomputes a path in three other
ways for ``saddles verify``, `picture` draws into a file, and `output` prints results, warnings and
errors.
"""
