"""What the ledger refuses. Its sentences are not for customers: callers use words of their own."""


class LedgerError(Exception):
    """The ledger refused to post. Inside a transaction nothing more can be done but to roll it back."""


class KeyReused(LedgerError):
    """The key names a stored transaction whose input was another one."""


class Overdraft(LedgerError):
    """An account that may not go below zero would have. `code` is the account's code."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class WrongAsset(LedgerError):
    """A transfer between two assets, an unknown asset, or a code that the book knows differently."""


class WrongAmount(LedgerError):
    """Not a Decimal, not above zero, NaN, infinite, too large, or finer than its asset's scale."""


class WrongTransfer(LedgerError):
    """No transfer at all, source and destination are one account, or an empty key or kind."""


class WrongReversal(LedgerError):
    """The transaction to reverse does not exist, was reversed already, or is not mirrored exactly."""
