"""Between two transaction tests nothing stays, whichever way it goes."""

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from accounts.models import User
from goldwallet.test import emptying
from goldwallet.test.world import world_create
from ledger.models import Entry

pytestmark = pytest.mark.django_db(transaction=True)


def filled() -> set[str]:
    """Tables with rows in them, of those that Django knows."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"(SELECT '{name}' FROM \"{name}\" LIMIT 1)" for name in names))
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.parametrize("grown", [emptying._GROWN, -1], ids=["deleted", "truncated"])
def test_what_a_test_has_written_is_gone(monkeypatch: pytest.MonkeyPatch, grown: int) -> None:
    monkeypatch.setattr(emptying, "_GROWN", grown)
    world_create()
    permissions = Permission.objects.count()
    assert User.objects.exists() and Entry.objects.exists() and permissions
    emptying.tables_empty()
    assert filled() == emptying._KEPT
    assert Permission.objects.count() == permissions
    world_create()  # and the house can be built again


def test_who_is_no_superuser_has_them_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptying, "_superuser", lambda: False)
    world_create()
    emptying.tables_empty()
    assert filled() == emptying._KEPT
