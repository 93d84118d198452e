"""The daily comparison of everything with everything, the differences that it finds, and how they are resolved.

`run` does it step by step; `lines` and `charges` compare M-Pesa's lines, `book` our own tables, `floats` the balances;
`breaks` keeps what was found; `resolving` holds what two people may do about each kind.
"""
