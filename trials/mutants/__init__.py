"""Famous mistakes, planted one at a time in a scratch copy: each must be caught by a test (docs/reliability.md)."""
