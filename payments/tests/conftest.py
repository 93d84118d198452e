"""The scripted rail as a fixture."""

from collections.abc import Iterator
from typing import cast

import pytest

from payments import rails
from payments.tests.scripted import ScriptedRail


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedRail]:
    """The house talks to this instead of to M-Pesa."""
    monkeypatch.setattr(rails, "RAILS", {"daraja": "payments.tests.scripted.ScriptedRail"})
    rails.rail.cache_clear()
    yield cast(ScriptedRail, rails.rail("daraja"))
    rails.rail.cache_clear()
