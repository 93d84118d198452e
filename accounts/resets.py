"""A lost second factor: two people agree to take it away, and it happens a day or more later (faults.md A09).

A convincing voice on the phone must not be enough. So it takes two of the staff (`oversight.resetting`), the person
hears of it at once and may call it off by signing in with the very factor that is said to be lost, and until long after
it nothing is paid out to them.
"""

import datetime as dt
import uuid

import pghistory
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from accounts import messages, second_factor
from accounts.devices import sessions_end
from accounts.models import FactorReset, ResetState, User
from accounts.rows import each_row
from accounts.selectors import authenticator_of
from accounts.services import person_lock
from controls.audit import record
from controls.models import Request
from controls.selectors import threshold
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused
from goldwallet.states import Moves, move

RESET_MOVES: Moves = {
    ResetState.WAITING: frozenset({ResetState.DONE, ResetState.CANCELLED}),
    ResetState.DONE: frozenset(),
    ResetState.CANCELLED: frozenset(),
}


def reset_waiting(user_id: uuid.UUID) -> FactorReset | None:
    return FactorReset.objects.filter(user_id=user_id, state=ResetState.WAITING).first()


def resets_waiting() -> QuerySet[FactorReset]:
    """Those that are due next come first."""
    waiting = FactorReset.objects.filter(state=ResetState.WAITING)
    return waiting.select_related("user", "request__maker", "request__checker").order_by("due_at")


def reset_refuse(user: User) -> None:
    """Raises Refused when there is nothing to take away, and Conflict when it is about to be already."""
    if authenticator_of(user) is None:
        raise Refused(f"{user.email} has no authenticator app set up.", code="no_factor")
    if reset_waiting(user.pk):
        raise Conflict(
            f"The authenticator app of {user.email} is about to be removed already.", code="waiting"
        )


def reset_schedule(*, user_id: uuid.UUID, request: Request) -> FactorReset:
    """Take the second factor away after the delay, in the caller's transaction. Until then nothing is paid out.

    Raises Refused, Conflict.
    """
    person_lock(user_id)
    user = User.objects.get(pk=user_id)
    reset_refuse(user)
    reset = FactorReset(user=user, request=request)
    reset.due_at = after(int(threshold("factor_reset_hours")) * 3600)
    reset.save(force_insert=True)
    reset.refresh_from_db(fields=["due_at", "created_at"])
    # At once as long as it will be, so that nothing slips out between that hour and the job. Greatest passes over an
    # empty one.
    cooled = reset.due_at + dt.timedelta(hours=int(threshold("payout_cooloff_hours")))
    User.objects.filter(pk=user_id).update(payouts_from=Greatest(F("payouts_from"), cooled))
    messages.factor_reset_asked(user, due_at=reset.due_at)
    return reset


# --- calling it off -------------------------------------------------------------------------------


def reset_call_off(*, user_id: uuid.UUID) -> None:
    """It is not lost: whoever calls this has shown it. Raises Conflict when there is nothing to call off (any more)."""
    with transaction.atomic(), pghistory.context(action="reset_call_off"):
        if not reset_end(user_id=user_id):
            raise Conflict("There is nothing to call off any more.", code="no_reset")


def reset_end(*, user_id: uuid.UUID) -> bool:
    """The same in the caller's transaction; False: nothing waits.

    Payouts go on as before, unless another reset has been done so lately that they still wait for that one.
    """
    person_lock(user_id)
    reset = reset_waiting(user_id)
    if reset is None or not move(reset, ResetState.CANCELLED, moves=RESET_MOVES, ended_at=Now()):
        return False
    done = FactorReset.objects.filter(
        user_id=user_id, state=ResetState.DONE, ended_at__gt=after(-_cooloff_seconds())
    )
    if not done.exists():
        User.objects.filter(pk=user_id).update(payouts_from=None)
    messages.factor_reset_called_off(User.objects.get(pk=user_id))
    return True


# --- doing it -------------------------------------------------------------------------------------


def resets_do() -> int:
    """Take away what is due; answers how many."""
    return each_row(_due().values_list("pk", flat=True), _do)


def _due() -> QuerySet[FactorReset]:
    return FactorReset.objects.filter(state=ResetState.WAITING, due_at__lte=Now())


@transaction.atomic
def _do(reset_id: uuid.UUID) -> bool:
    """One of them. Whoever calls it off at the same moment waits for the person's lock, or has won it."""
    user_id = FactorReset.objects.values_list("user_id", flat=True).get(pk=reset_id)
    person_lock(user_id)
    reset = _due().filter(pk=reset_id).first()
    if reset is None or not move(reset, ResetState.DONE, moves=RESET_MOVES, ended_at=Now()):
        return False
    with pghistory.context(action="resets_do"):
        cooled = after(_cooloff_seconds())
        User.objects.filter(pk=user_id).update(payouts_from=Greatest(F("payouts_from"), cooled))
        user = User.objects.get(pk=user_id)
        second_factor.second_factor_remove(user=user)
        sessions_end(user_id=user_id)
    record(
        "factor_reset",
        subject=f"person:{user_id}",
        person_id=user_id,
        before={"state": str(ResetState.WAITING)},
        after={"state": str(ResetState.DONE), "request": str(reset.request_id)},
    )
    assert user.payouts_from is not None
    messages.factor_reset_done(user, payouts_from=user.payouts_from)
    return True


def _cooloff_seconds() -> int:
    return int(threshold("payout_cooloff_hours")) * 3600
