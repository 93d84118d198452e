"""The scripted rail, as the payments' tests use it."""

from payments.tests.conftest import provider

__all__ = ["provider"]
