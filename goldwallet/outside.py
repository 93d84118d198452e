"""The world outside is never asked inside a database transaction (design section 5)."""

from django.db import connections


def refuse_in_transaction() -> None:
    """Raises RuntimeError when any database transaction is open here: what it wrote is not yet true, and its
    locks would wait for somebody else's server. The wrapper that a test case puts around a test does not count.
    """
    for connection in connections.all(initialized_only=True):
        blocks = [block for block in connection.atomic_blocks if not getattr(block, "_from_testcase", False)]
        # Without any block, autocommit that is off is a transaction begun by hand.
        by_hand = (
            not connection.atomic_blocks and connection.connection is not None and not connection.autocommit
        )
        if blocks or by_hand:
            raise RuntimeError("called outside from inside a database transaction; commit first, then call")
