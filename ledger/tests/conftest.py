"""The ledger is tested alone: rules that apps above hang on it (no gram without a bar) rest meanwhile."""

import pytest
from django.db import connection

_FOREIGN = """
SELECT format('ALTER TABLE %%s %%s TRIGGER %%I', tgrelid::regclass, %s, tgname) FROM pg_trigger
WHERE tgrelid = ANY (ARRAY['ledger_account', 'ledger_transaction', 'ledger_entry']::regclass[])
  AND NOT tgisinternal AND tgname NOT LIKE 'pgtrigger\\_%%'
"""


def _switch(word: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FOREIGN, [word])
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)


@pytest.fixture(scope="package", autouse=True)
def ledger_alone(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        _switch("DISABLE")
    yield
    with django_db_blocker.unblock():
        _switch("ENABLE")
