"""Plumbing without mathematics; read each module when it is needed.

`lazy` loads public names when they are first used, `threads` limits the threads of BLAS while a
path is followed, `torch_modules` turns torch modules into functions of named float64 parameters,
and `csv_table` reads tables of numbers: `file_kinds` says what a file is, `separators` takes a text
apart, `written_numbers` knows what a number is.
"""
