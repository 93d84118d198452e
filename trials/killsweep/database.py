"""A migrated, empty database for the sweep, beside the one that DATABASE_URL names. This process never opens it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection, connections

from trials.killsweep import children


@contextmanager
def database(*, here: bool, log: Path) -> Iterator[None]:
    """Point Django at it for as long as the block runs; `here`: the named one serves, and stays."""
    connections.close_all()
    if here:
        yield
        return
    place = connection.settings_dict
    original = place["NAME"]
    place["TEST"]["NAME"] = f"{original}_killsweep"

    def create() -> None:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)

    def drop() -> None:
        connection.creation.destroy_test_db(original, verbosity=0)

    if children.run(create, log=log) != 0:
        raise RuntimeError(f"the database cannot be made:\n{log.read_text()[-2000:]}")
    place["NAME"] = place["TEST"]["NAME"]
    try:
        yield
    finally:
        children.run(drop, log=log)
        place["NAME"] = original
