"""The kill sweep: SIGKILL before and after every statement, commit and call of the money's ways (faults W01, W02, O03,
O04, W05).

A scenario runs once to the end while its boundaries are numbered. Then it runs again for each of them, in a process of
its own that dies there; another process does what the person would do next, drains, and checks (`recovery`, `checks`).
"""
