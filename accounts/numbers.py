"""Where a person's money goes: to their own M-Pesa number alone, and to another one only after a time of cooling off.

Somebody who has taken an account over, or a SIM card, wants the next sale on a number of their own. So a new number
takes a proof (`accounts.stepup`), is told to the old contacts at once, and is paid on from `usable_from` on, when it
becomes the person's number; until then the old one stays, and the person can call it off (faults.md O12). A hold on
the account stops it, too.
"""

import uuid
from collections.abc import Iterable

import pghistory
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import messages
from accounts.models import PayoutNumber, User
from accounts.rows import each_row
from accounts.services import LockedPerson, person_lock
from accounts.stepup import Shown, shown_of, step_up_digest, step_up_ready, step_up_use
from controls.selectors import threshold
from goldwallet import clock, phones
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused
from goldwallet.sealing import fingerprint
from goldwallet.wording import exact_time

OPERATION = "phone"
_WAITING = Q(adopted_at=None, cancelled_at=None)


# --- who is paid, and when ------------------------------------------------------------------------


def payout_number_check(*, user: User | LockedPerson, phone: str) -> None:
    """Money is paid only to the person's own number. Raises Refused for any other. Binding only under their lock."""
    if user.phone_lookup and fingerprint(phones.normalise(phone), kind="phone") == user.phone_lookup:
        return
    own = User.objects.get(pk=user.id).phone
    if not own:
        sentence = "We do not know your M-Pesa number yet. Add it on the page of your M-Pesa number first."
    else:
        sentence = f"We pay only to your own number, {phones.local(own)}. To be paid on another one, change it first."
    raise Refused(sentence, code="payout_number")


def payouts_held(user: User) -> str:
    """Why nothing is paid out to this person for now, as a sentence; empty when nothing is in the way."""
    if user.payouts_from is None or user.payouts_from <= clock.now():
        return ""
    until = exact_time(user.payouts_from)
    return f"For your safety we pay nothing out before {until}. Your gold and your money are safe."


def payouts_held_refuse(user_id: uuid.UUID) -> None:
    """Raises Refused while nothing is paid out to this person."""
    if sentence := payouts_held(User.objects.get(pk=user_id)):
        raise Refused(sentence, code="payouts_held", status=403)


# --- another number -------------------------------------------------------------------------------


def number_waiting(user: User) -> PayoutNumber | None:
    """The number that will take the place of the person's, if they have asked for one."""
    return PayoutNumber.objects.filter(_WAITING, user=user).first()


def numbers_waiting(user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, PayoutNumber]:
    """The same for several people, by whose it is. One query."""
    waiting = PayoutNumber.objects.filter(_WAITING, user_id__in=set(user_ids))
    return {number.user_id: number for number in waiting}


def number_change_ask(*, user_id: uuid.UUID, phone: str, session_key: str) -> PayoutNumber:
    """Another number for this person's payouts, usable after the cool-off. Raises Refused, StepUpNeeded."""
    number = phones.normalise(phone)
    with transaction.atomic():
        _open_or_refuse(user_id)
        user = User.objects.get(pk=user_id)
        if number == user.phone:
            raise Refused("This is your number already.", code="same")
        if number_waiting(user):
            raise Conflict("You have asked for another number already. Call that off first.", code="waiting")
        step_up_use(
            user_id=user_id,
            operation=OPERATION,
            digest=_digest(user, number),
            session_key=session_key,
            shown=_shown(user, number),
        )
        asked = PayoutNumber(user=user, usable_from=after(int(threshold("payout_cooloff_hours")) * 3600))
        asked.phone = number
        asked.save(force_insert=True)
        asked.refresh_from_db()
        messages.number_asked(user, phone=number, usable_from=asked.usable_from)
    return asked


_NEW = "Your new number"


def _shown(user: User, number: str) -> Shown:
    now = [("Your number now", phones.local(user.phone))] if user.phone else []
    return [*now, (_NEW, phones.local(number))]


def _digest(user: User, number: str) -> str:
    return step_up_digest(OPERATION, user=user.pk, old=user.phone, new=number)


def number_proven(*, user: User, session_key: str) -> str:
    """The new number for which the person has just entered a code, so that one press asks for it; or empty."""
    ready = step_up_ready(user_id=user.pk, operation=OPERATION, session_key=session_key)
    number = phones.normalise(dict(shown_of(ready))[_NEW]) if ready else ""
    return number if ready and ready.digest == _digest(user, number) else ""


def _open_or_refuse(user_id: uuid.UUID) -> None:
    person = person_lock(user_id)
    if not person.is_active:
        raise Refused("This account is closed.", code="inactive", status=403)
    if person.frozen:
        raise Refused(
            "Your account is on hold, so your number stays as it is. Please write to us.",
            code="frozen",
            status=403,
        )


def number_change_cancel(*, user_id: uuid.UUID) -> PayoutNumber:
    """Call the new number off, until it is adopted. It takes no proof: it only keeps what was. Raises Refused."""
    with transaction.atomic():
        person_lock(user_id)
        asked = PayoutNumber.objects.filter(_WAITING, user_id=user_id).select_related("user").first()
        if asked is None:
            raise Conflict("There is no change of your number to call off.", code="no_change")
        PayoutNumber.objects.filter(pk=asked.pk).update(cancelled_at=Now())
        messages.number_called_off(asked.user, phone=asked.phone)
    return asked


def numbers_adopt() -> int:
    """Make due numbers their people's numbers; answers how many. Who is on hold keeps the old one."""
    return each_row(_due().values_list("pk", flat=True), _adopt)


def _due() -> QuerySet[PayoutNumber]:
    return PayoutNumber.objects.filter(
        _WAITING, usable_from__lte=Now(), user__is_active=True, user__frozen_reason=""
    )


@transaction.atomic
def _adopt(number_id: uuid.UUID) -> bool:
    user_id = PayoutNumber.objects.values_list("user_id", flat=True).get(pk=number_id)
    person_lock(user_id)
    # Under the lock, since it may have been called off meanwhile, or the person put on hold.
    asked = _due().filter(pk=number_id).select_related("user").first()
    if asked is None:
        return False
    with pghistory.context(action="numbers_adopt"):
        PayoutNumber.objects.filter(pk=asked.pk).update(adopted_at=Now())
        asked.user.phone = asked.phone
        asked.user.save(update_fields=["phone_sealed", "phone_lookup"])
    messages.number_adopted(asked.user, phone=asked.phone)
    return True
