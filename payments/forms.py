"""What the list of payments is filtered by."""

from django.db.models import Q, QuerySet

from accounts.filters import ListFilters, one_of, ticks
from goldwallet import wording
from payments.models import Direction, Payment, State
from payments.purposes import PURPOSES

#: What a payment is for, in words.
FOR = {name: name.capitalize() for name in PURPOSES}


def _way(purpose: str) -> str:
    """Only money that came can be taken back by M-Pesa."""
    return Direction.IN if PURPOSES[purpose].reversed else Direction.OUT


class PaymentFilters(ListFilters):
    """The desk's filters of payments, in and out."""

    state = ticks("State", [(state.value, wording.state(state, "payment")[0]) for state in State])
    direction = one_of("Direction", Direction.choices, any_="Both")
    purpose = one_of("For", list(FOR.items()), any_="Anything")
    # The others follow in their own order.
    field_order = ["state", "direction", "purpose", "person", "phone", "reference", "receipt"]

    def rows(self) -> QuerySet[Payment]:
        """The payments that fit, each with its person. For a form that is valid."""
        asked = self.cleaned_data
        rows = self.narrow(Payment.objects.select_related("user"), amount="amount")
        if asked["state"]:
            rows = rows.filter(state__in=asked["state"])
        if asked["direction"]:
            rows = rows.filter(direction=asked["direction"])
        if asked["purpose"]:
            rows = rows.filter(purpose=asked["purpose"])
            # What cannot be is not looked for: it would be a walk through a million payments that finds none.
            if asked["direction"] and asked["direction"] != _way(asked["purpose"]):
                return rows.none()
        if self.phone_hash:
            rows = rows.filter(phone_lookup=self.phone_hash)
        if code := asked["reference"]:
            rows = rows.filter(Q(reference=code) | Q(receipt=code) | Q(reversal_receipt=code))
        if code := asked["receipt"]:
            rows = rows.filter(Q(receipt=code) | Q(reversal_receipt=code))
        return rows
