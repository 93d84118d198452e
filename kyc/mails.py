"""What we write to a person about their identity. Nothing of what they told or showed stands in a mail."""

from django.conf import settings
from django.urls import reverse

from accounts.models import User
from goldwallet.clock import NAIROBI
from kyc.models import Case, Outcome, Review
from kyc.parts import part_words
from notifications.services import message_enqueue


def _send(user: User, *, key: str, subject: str, text: str) -> None:
    """`key`: "kyc-<what>:<id>"; the same one a second time writes nothing."""
    message_enqueue(
        user_id=user.pk,
        to=user.email,
        subject=subject,
        text=f"Hello {user.username},\n\n{text}\n\nGold Wallet\n",
        kind=key.partition(":")[0],
        key=key,
    )


def _page() -> str:
    return settings.BASE_URL + reverse("kyc")


def _day(case: Case) -> str:
    assert case.valid_until is not None
    local = case.valid_until.astimezone(NAIROBI)
    return f"{local.day} {local:%B %Y}"


def submitted(case: Case, user: User) -> None:
    assert case.submitted_at is not None
    _send(
        user,
        key=f"kyc-submitted:{case.pk}:{case.submitted_at.timestamp():.6f}",
        subject="We have what you sent us",
        text="Thank you for showing us who you are. A person of ours looks at it, mostly within a day, and we write "
        "to you as soon as it is done. Until then you buy and sell within your limits as before.",
    )


def decided(case: Case, review: Review) -> None:
    write = {Outcome.APPROVED: _approved, Outcome.MORE: _more, Outcome.REJECTED: _rejected}
    subject, text = write[Outcome(review.outcome)](case, review)
    _send(case.user, key=f"kyc-decided:{review.pk}", subject=subject, text=text)


def _approved(case: Case, review: Review) -> tuple[str, str]:
    return (
        "Your identity is verified",
        f"You can buy and sell for more now: your wallet shows the new limits. This holds until {_day(case)}; a month "
        "before that we write to you.",
    )


def _reasons(case: Case, review: Review) -> str:
    lines = [f"- {part_words(part, case.id_type)}: {words}" for part, words in review.reasons.items()]
    return "\n".join([*lines, "", f"Send it again here:\n{_page()}"])


def _more(case: Case, review: Review) -> tuple[str, str]:
    return (
        "We need a little more from you",
        f"We have looked at what you sent us. To go on, we need this:\n\n{_reasons(case, review)}",
    )


def _rejected(case: Case, review: Review) -> tuple[str, str]:
    return (
        "We could not verify your identity yet",
        "We have looked at what you sent us, and something is not right yet. Only this is to be sent again:\n\n"
        f"{_reasons(case, review)}",
    )


def ending_key(case: Case) -> str:
    return f"kyc-ending:{case.pk}"


def ending(case: Case) -> None:
    _send(
        case.user,
        key=ending_key(case),
        subject="Please show us again who you are",
        text=f"Your verified identity holds until {_day(case)}. Show us your ID again before that day, and nothing "
        f"changes for you. It takes a few minutes:\n{_page()}",
    )


def expired(case: Case, user: User) -> None:
    _send(
        user,
        key=f"kyc-expired:{case.pk}",
        subject="Your verified identity has ended",
        text="Your gold and your money are yours as before. Until you show us again who you are, you buy and sell "
        f"within the smaller limits of a new customer. It takes a few minutes:\n{_page()}",
    )


def tier(user: User, *, enhanced: bool, key: str) -> None:
    subject, text = (
        ("You can trade more now", "Your limits are higher now: your wallet shows them.")
        if enhanced
        else (
            "Your limits have changed",
            "Your limits are those of a verified customer again: your wallet shows them.",
        )
    )
    _send(user, key=f"kyc-tier:{key}", subject=subject, text=text)
