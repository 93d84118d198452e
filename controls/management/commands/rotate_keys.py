"""`manage.py rotate_keys`: seal everything anew under the first key of its ring; let an old key go."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controls import keys
from goldwallet.errors import Refused

_NAMED = 10


class Command(BaseCommand):
    help = "Seal all fields and the keys of all documents anew under the current keys (docs/runbook.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--retire", metavar="RING:ID", help="let an old key go, for example FIELD_KEYS:k1"
        )
        parser.add_argument(
            "--restarted", action="store_true", help="every web and worker was restarted with the new keys"
        )
        parser.add_argument(
            "--show", action="store_true", help="count what is sealed with which key; change nothing"
        )
        parser.add_argument("--batch", type=int, default=500, help="values of one transaction")
        parser.add_argument("--pause", type=float, default=0, help="seconds between two batches")

    def handle(self, *args: Any, **options: Any) -> None:
        keys.refuse_keys()
        if options["show"]:
            return self._show()
        if options["retire"]:
            return self._retire(options["retire"], restarted=options["restarted"])
        self._rotate(batch=options["batch"], pause=options["pause"])
        return None

    def _rotate(self, *, batch: int, pause: float) -> None:
        done: Counter[str] = Counter()
        broken: list[str] = []
        for step in keys.rotate(batch=batch, pause=pause):
            done[step.column.title] += step.due - len(step.broken)
            broken += [f"{step.column.title} of {row}" for row in step.broken]
            self.stdout.write(f"{step.column.title}: {done[step.column.title]}")
            self.stdout.flush()
        self.stdout.write(f"{done.total()} values were sealed anew.")
        if broken:
            some = ", ".join(broken[:_NAMED])
            raise CommandError(f"{len(broken)} values open with no key and stay as they are: {some}")

    def _show(self) -> None:
        for ring, kids in keys.rings().items():
            for kid in kids:
                for title, count in sorted(keys.key_use(ring, kid).items()):
                    self.stdout.write(f"{ring}:{kid} {title} {count}")

    def _retire(self, name: str, *, restarted: bool) -> None:
        ring, _, kid = name.partition(":")
        if ring not in keys.RINGS or not kid:
            raise CommandError(f"Write one of {', '.join(keys.RINGS)}, a colon and the key's id.")
        try:
            keys.key_retire(ring=ring, kid=kid, restarted=restarted)
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        self.stdout.write(
            f"{name} may leave the settings now. Keep it locked away as long as backups are kept."
        )
