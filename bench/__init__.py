"""`make bench`: what docs/performance.md tells, measured. Not part of the program; imports all of it."""
