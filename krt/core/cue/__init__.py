"""The data part of CUE (https://cuelang.org, v0.17): values, references, interpolation, defaults, `if` and `for`. Pure.

`parse` reads a file in the whole grammar, `evaluate` makes the value of its files, as `cue export` does. A form that is
beyond the data part is refused by name and line with `CueBeyond`: the program `cue` can read such a file.
Start reading in `evaluate.py`; docs/cue.md says which forms are read.
"""
