"""A migrated database that the lanes of `make test` copy instead of running all migrations each.

python -m goldwallet.test.pattern make   make it beside DATABASE_URL, print its name
python -m goldwallet.test.pattern drop   remove it
"""

import os
import sys

import django
from django.db import connection

SUFFIX = "_pattern"


def main(what: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "goldwallet.test.settings"
    os.environ.pop("TEST_PATTERN", None)
    django.setup()
    name = f"test_{connection.settings_dict['NAME']}{SUFFIX}"
    if what == "make":
        connection.settings_dict["TEST"]["NAME"] = name
        # As pytest makes one. What a run that was killed has left is made anew: it may be of older migrations.
        sys.stdout.write(connection.creation.create_test_db(verbosity=0, autoclobber=True))
        connection.close()
    elif what == "drop":
        connection.settings_dict["NAME"] = name
        connection.creation.destroy_test_db(verbosity=0)


if __name__ == "__main__":
    main(sys.argv[1])
