"""How often something may be tried: counts in one table, shared by all processes, that a restart does not forget.

One statement counts and reads, so however many requests come at the same moment, at most `most` of them pass. A
window begins with its first try and ends `seconds` later, whatever comes meanwhile: who is refused and goes on knocking
does not wait longer for it.
"""

from django.db import connection, transaction

from goldwallet.errors import TooOften
from goldwallet.sealing import fingerprint

# A count whose window is over begins anew. The time is asked once: EXCLUDED.until is that moment and a window.
_HIT = """
INSERT INTO controls_count AS c (key, count, until)
VALUES (%(key)s, 1, wallet_now() + make_interval(secs => %(seconds)s))
ON CONFLICT (key) DO UPDATE SET (count, until) = (
    SELECT CASE WHEN open THEN c.count + 1 ELSE 1 END, CASE WHEN open THEN c.until ELSE EXCLUDED.until END
    FROM (SELECT c.until > EXCLUDED.until - make_interval(secs => %(seconds)s) AS open) AS window_of
)
RETURNING count, ceil(extract(epoch FROM until - wallet_now()))::int
"""
_PEEK = "SELECT count FROM controls_count WHERE key = %s AND until > wallet_now()"
_GIVE_BACK = """
UPDATE controls_count SET count = count - 1 WHERE key = %s AND count > 0 AND until > wallet_now()
"""
_TIDY = "DELETE FROM controls_count WHERE until <= wallet_now()"


def _key(name: str, who: str) -> str:
    """Nothing in the table says who it was: addresses and names are hashed with a key of ours."""
    return f"{name}:{fingerprint(who, kind=f'count:{name}')}"


def hit(name: str, who: str, *, most: int, seconds: int) -> int:
    """Count one more try of `who` at `name`; answers how many there are in this window. Raises TooOften beyond `most`.

    Commits by itself, since a try that was refused has still been made; so it raises RuntimeError within a transaction.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_HIT, {"key": _key(name, who), "seconds": seconds})
        count, left = cursor.fetchone()
    if count > most:
        raise TooOften(seconds=max(1, left))
    return int(count)


def peek(name: str, who: str) -> int:
    """How many tries there are in the present window. For pages that say it; only `hit` limits."""
    with connection.cursor() as cursor:
        cursor.execute(_PEEK, [_key(name, who)])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def give_back(name: str, who: str) -> None:
    """Take back one try that turned out to be rightful: it was counted before anybody knew."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [_key(name, who)])


def forget(name: str, who: str) -> None:
    """Begin anew, as after a password was reset."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM controls_count WHERE key = %s", [_key(name, who)])


def counts_tidy() -> int:
    """Delete the windows that are over; answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(_TIDY)
        deleted: int = cursor.rowcount
    return deleted
