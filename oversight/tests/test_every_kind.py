"""Every kind of request there is, each by the same rules: two people, of the right roles, neither the one whom it is
about, what was asked and nothing else, once, in time, with its evidence, and a large amount typed again.
"""

import base64
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts.models import PayoutNumber, User
from accounts.roles import Role
from accounts.tests.people import signed_in, staff
from controls import kinds
from controls.effects import AccountChange, Effect
from controls.kinds import KINDS, NOBODY
from controls.models import Attachment, AuditEntry, Request, RequestState
from controls.services import (
    approval_check,
    refusal_check,
    request_approve,
    request_effect,
    request_refuse,
    request_seal,
    retype_needed,
    threshold_set,
)
from goldwallet.clock import Now, after
from goldwallet.errors import Conflict, Refused
from goldwallet.test.books import assert_books
from goldwallet.test.clock import shift_clock
from goldwallet.test.race import errors, together
from goldwallet.test.tamper import guard_off
from goldwallet.test.two import YES, approve, asked, typed_for
from goldwallet.test.world import World
from oversight.tests.kinds import BUILDERS, Asked

every_kind = pytest.mark.parametrize("kind", list(KINDS))
pytestmark = pytest.mark.django_db

#: Tells of kinds that state a phone number of somebody's.
PHONE = "254799000111"


def built(kind: str, world: World) -> Asked:
    assert kind in BUILDERS, f"write a builder for {kind} in oversight/tests/kinds.py"
    return BUILDERS[kind](world)


def maker_of(kind: str, **changes: Any) -> User:
    return staff(sorted(KINDS[kind].makers)[0], **changes)


def checker_of(kind: str, **changes: Any) -> User:
    return staff(sorted(KINDS[kind].checkers)[-1], **changes)


def made(kind: str, world: World, by: User) -> Request:
    return asked(kind, built(kind, world).payload, by=by)


def seal(request: Request) -> str:
    return request_seal(request, request_effect(request))


def waits(request: Request) -> bool:
    return Request.objects.get(pk=request.pk).state == RequestState.WAITING


@every_kind
def test_it_says_whom_it_is_about(world: World, kind: str) -> None:
    about = KINDS[kind].about
    found = built(kind, world)
    person = kinds.person_about(kind, found.payload)
    assert person == (found.person.pk if found.person else None)
    if about == NOBODY:
        assert not {"person", "user", "payment"} & found.payload.keys()
    for nonsense in ({}, {"person": "x", "user": 7, "payment": None, "transaction": "x", "break": "-"}):
        assert kinds.person_about(kind, nonsense) is None


@pytest.mark.fault("Z02", "Z06")
@every_kind
def test_it_is_done_by_two_and_the_trail_says_so(world: World, kind: str) -> None:
    maker, checker = maker_of(kind), checker_of(kind)
    request = made(kind, world, maker)
    with pytest.raises(Refused, match="yourself"):
        request_approve(request_id=request.pk, by=maker, seen=seal(request), words=YES)
    assert waits(request)
    done = approve(request, checker)
    assert (done.state, done.checker) == (RequestState.EXECUTED, checker)
    lines = AuditEntry.objects.filter(subject=f"request:{request.pk}").order_by("pk")
    assert [(line.action, line.actor_id) for line in lines] == [
        ("request_make", maker.pk),
        ("request_approve", checker.pk),
    ]
    assert {line.person_id for line in lines} == {request.person_id}
    assert_books()


@pytest.mark.fault("Z02")
@every_kind
def test_a_second_account_of_who_asked_does_not_decide_it(world: World, kind: str) -> None:
    maker = maker_of(kind, phone=PHONE)
    twin = checker_of(kind, phone=PHONE)
    request = made(kind, world, maker)
    for decide in (
        lambda: request_approve(request_id=request.pk, by=twin, seen=seal(request), words=YES),
        lambda: request_refuse(request_id=request.pk, by=twin, words="I had rather not."),
    ):
        with pytest.raises(Refused, match="You asked for this under another account") as refused:
            decide()
        assert refused.value.status == 403
    assert waits(request)


@pytest.mark.fault("Z07")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].about != NOBODY])
def test_the_person_whom_it_is_about_neither_asks_nor_decides(world: World, kind: str) -> None:
    """Nor does a second account of theirs: staff with the same phone."""
    found = built(kind, world)
    assert found.person is not None
    twin = {role: staff(role) for role in ("treasury", "administrator", "reviewer")}
    person = User.objects.get(pk=found.person.pk)
    person.phone = PHONE
    person.save()
    for account in twin.values():
        account.phone = PHONE
        account.save()
    asking = next(account for role, account in twin.items() if role in KINDS[kind].makers)
    with pytest.raises(Refused) as refused:
        asked(kind, found.payload, by=asking)
    assert (refused.value.code, refused.value.status) == ("own", 403)
    request = asked(kind, found.payload, by=maker_of(kind))
    assert request.person_id == person.pk
    deciding = next(account for role, account in twin.items() if role in KINDS[kind].checkers)
    with pytest.raises(Refused, match="about yourself"):
        request_approve(request_id=request.pk, by=deciding, seen=seal(request), words=YES)
    with pytest.raises(Refused, match="about yourself"):
        request_refuse(request_id=request.pk, by=deciding, words="I had rather not.")
    assert waits(request)


def payout_number_asked(person: User, phone: str) -> None:
    """As somebody leaves it who asks for a new number; nobody has proven it yet."""
    asked_for = PayoutNumber(user=person, usable_from=after(3600))
    asked_for.phone = phone
    asked_for.save(force_insert=True)


@pytest.mark.fault("Z07")
@pytest.mark.parametrize("kind", ["adjust_cash", "tier_set", "factor_reset"])
@pytest.mark.parametrize("link", ["payout number", "phone"])
def test_who_asked_has_become_whom_it_is_about(world: World, kind: str, link: str) -> None:
    """After it was asked they came to share a phone: nobody approves it, and a third person refuses it."""
    found = built(kind, world)
    assert found.person is not None
    maker, checker = maker_of(kind, phone=PHONE), checker_of(kind)
    request = asked(kind, found.payload, by=maker)
    token, typed = seal(request), typed_for(request_effect(request))
    if link == "phone":
        person = User.objects.get(pk=found.person.pk)
        person.phone = PHONE
        person.save()
    else:
        payout_number_asked(found.person, PHONE)
    form = {"request_id": request.pk, "by": checker, "seen": token, "words": YES, "typed": typed}
    for act in (approval_check, request_approve):
        with pytest.raises(Refused, match="about whoever asked for it") as refused:
            act(**form)
        assert (refused.value.code, refused.value.status) == ("own", 403)
    assert waits(request)
    refusal_check(request_id=request.pk, by=checker, words="They are one person.")
    done = request_refuse(request_id=request.pk, by=checker, words="They are one person.")
    assert done.state == RequestState.REFUSED
    assert Request.objects.get(pk=request.pk).checker == checker


def moves_to(person: User, phone: str) -> None:
    """As `accounts.numbers` leaves it when a new number has cooled off."""
    adopted = PayoutNumber(user=person, usable_from=after(3600), adopted_at=after(3601))
    adopted.phone = phone
    adopted.save(force_insert=True)
    person.phone = phone
    person.save()


@pytest.mark.fault("Z02", "Z07")
@pytest.mark.parametrize("moved", ["maker", "checker", "both"])
def test_a_number_that_an_account_had_before_tells_too(world: World, moved: str) -> None:
    """Two accounts have one phone; then one of them, or each, changes its number."""
    maker, twin = staff("treasury", phone=PHONE), staff("treasury", phone=PHONE)
    for person, phone in ((maker, "254799000222"), (twin, "254799000333")):
        if moved in {"both", "maker" if person is maker else "checker"}:
            moves_to(person, phone)
    request = made("adjust_cash", world, maker)
    form = {"seen": seal(request), "words": YES, "typed": typed_for(request_effect(request))}
    with pytest.raises(Refused, match="under another account"):
        request_approve(request_id=request.pk, by=twin, **form)
    with pytest.raises(Refused, match="under another account"):
        request_refuse(request_id=request.pk, by=twin, words="I had rather not.")
    with pytest.raises(DatabaseError, match="one person be two"), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(checker=twin, state="refused", decided_at=Now())
    assert waits(request)
    assert_books()


@pytest.mark.fault("Z07")
def test_a_number_that_the_person_had_before_tells_whom_it_is_about(world: World) -> None:
    reviewer = staff("reviewer", phone=PHONE)
    world.bob.phone = PHONE
    world.bob.save()
    moves_to(world.bob, "254799000222")
    with pytest.raises(Refused, match="about yourself"):
        asked("tier_set", {"person": str(world.bob.pk), "enhanced": True}, by=reviewer)


@pytest.mark.fault("Z07")
def test_the_database_lets_such_a_request_be_refused_and_not_approved(world: World) -> None:
    """Past the code: a third person may refuse it, one of the two may not, and nobody does it."""
    maker, checker, twin = staff("reviewer", phone=PHONE), staff("treasury"), staff("treasury", phone=PHONE)
    payload = {"person": str(world.alice.pk), "enhanced": True}
    request = asked("tier_set", payload, by=maker)
    world.alice.phone = PHONE
    world.alice.save()
    rows = Request.objects.filter(pk=request.pk)
    for by, state in ((checker, "executed"), (twin, "executed"), (twin, "refused")):
        with pytest.raises(DatabaseError, match="one person be two"), transaction.atomic():
            rows.update(checker=by, state=state, decided_at=Now())
    assert rows.update(checker=checker, state="refused", decided_at=Now()) == 1


def exchange(request: Request, content: bytes) -> None:
    """Another file in the place of what was attached, sealed as the house seals it, with the guards off."""
    attachment = Attachment.objects.get(request=request)
    attachment.content = base64.b64encode(content).decode()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE controls_attachment DISABLE TRIGGER USER")
        attachment.save(update_fields=["content_sealed"])
        cursor.execute("ALTER TABLE controls_attachment ENABLE TRIGGER USER")


@every_kind
def test_what_was_edited_is_not_done(world: World, kind: str) -> None:
    """By the database's own rights, past its triggers."""
    request = made(kind, world, maker_of(kind))
    token = seal(request)
    edits: list[dict[str, Any]] = [
        {"payload": request.payload | {"more": "1"}},
        {"reason": "Another reason altogether."},
        {"effect": request.effect | {"summary": "Something else."}},
        {"maker": maker_of(kind)},
        {"expires_at": after(3600)},
        {"evidence": b"%PDF-1.7 another page"},
    ]
    if request.person_id:
        edits.append({"person": None})
    for edit in edits:
        with transaction.atomic():
            if "evidence" in edit:
                exchange(request, edit["evidence"])
            else:
                with guard_off(Request, "content_stays"):
                    Request.objects.filter(pk=request.pk).update(**edit)
            with pytest.raises(Conflict, match="changed after it was made"):
                request_approve(request_id=request.pk, by=checker_of(kind), seen=token, words=YES)
            transaction.set_rollback(True)
    with pytest.raises(DatabaseError), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(**edits[0])
    assert waits(request)


@every_kind
def test_it_expires(world: World, kind: str) -> None:
    request = made(kind, world, maker_of(kind))
    token, checker = seal(request), checker_of(kind)
    with shift_clock(hours=KINDS[kind].hours, seconds=1), pytest.raises(Conflict, match="does not wait"):
        request_approve(request_id=request.pk, by=checker, seen=token, words=YES)
    assert waits(request)


@every_kind
def test_other_roles_neither_ask_nor_decide(world: World, kind: str) -> None:
    found = built(kind, world)
    strangers = [staff(role) for role in Role if role not in KINDS[kind].makers]
    for person in [*strangers, staff("auditor", *KINDS[kind].makers), world.bob]:
        with pytest.raises(Refused, match="role"):
            asked(kind, found.payload, by=person)
    request = asked(kind, found.payload, by=maker_of(kind))
    token = seal(request)
    strangers = [staff(role) for role in Role if role not in KINDS[kind].checkers]
    for person in [*strangers, staff("auditor", *KINDS[kind].checkers), world.bob]:
        with pytest.raises(Refused, match="role"):
            request_approve(request_id=request.pk, by=person, seen=token, words=YES)
        with pytest.raises(Refused, match="role"):
            request_refuse(request_id=request.pk, by=person, words="I had rather not.")
    assert waits(request)


@every_kind
def test_evidence_where_it_is_due(world: World, kind: str) -> None:
    found = built(kind, world)
    if KINDS[kind].evidence:
        with pytest.raises(Refused, match="Attach what shows it"):
            asked(kind, found.payload, by=maker_of(kind), evidence=None)
        assert not Request.objects.filter(kind=kind).exists()
    else:
        assert waits(asked(kind, found.payload, by=maker_of(kind), evidence=None))


#: Kinds whose builder moves so much that it is typed again, a threshold as large as that, and the pair of prices, which
#: is typed whatever it is.
LARGE = frozenset(
    {
        "bars_add", "bars_withdraw", "bar_restore", "adjust_gold", "adjust_cash", "cash_payout", "float_move",
        "break_resolve", "price_set", "threshold_set",
    }
)  # fmt: skip


@pytest.mark.fault("Z06")
@every_kind
def test_a_large_amount_is_typed_again(world: World, kind: str) -> None:
    request = made(kind, world, maker_of(kind))
    checker, effect = checker_of(kind), request_effect(request)
    needed = retype_needed(effect)
    assert bool(needed) == (kind in LARGE)
    if not needed:
        assert request_approve(
            request_id=request.pk, by=checker, seen=request_seal(request, effect), words=YES
        ).result
        return
    right, *more = typed_for(effect)
    wrong = {
        "": "Type the amount",
        "1": "You typed",
        right + "0": "You typed" if "." not in right else "",
        f"{needed[0].value:,.2f} KES": "digits only",
        "-" + right: "digits only",
    }
    for typed, sentence in wrong.items():
        if not sentence:
            continue
        with pytest.raises(Refused, match=sentence) as refused:
            request_approve(
                request_id=request.pk,
                by=checker,
                seen=request_seal(request, effect),
                words=YES,
                typed=(typed, *more),
            )
        assert (refused.value.status, refused.value.code) == (400, "typed_1")
        assert waits(request)
    approve(request, checker)
    assert_books()


@pytest.mark.fault("Z06")
@pytest.mark.parametrize(("leaving", "moved", "typed"), [("10", "60000", 60_000), ("70000", "60000", 70_000)])
def test_a_small_amount_that_leaves_hides_no_larger_move(leaving: str, moved: str, typed: int) -> None:
    accounts = tuple(AccountChange(code, "KES", "0", kes) for code, kes in (("a", moved), ("b", f"-{moved}")))
    (needed,) = retype_needed(Effect("A test.", accounts=accounts, leaving_kes=leaving))
    assert (needed.value, needed.grams) == (typed, False)
    assert ("leave the house" in needed.question) == (typed == 70_000)


@pytest.mark.fault("Z06")
def test_both_prices_beyond_the_band_are_typed_again(world: World) -> None:
    request, checker = made("price_set", world, maker_of("price_set")), checker_of("price_set")
    desk = signed_in(checker)
    page = desk.post(reverse("desk_approval", args=[request.pk])).content.decode()
    assert page.index("What will people pay for one gram?") < page.index("What will people get for one gram?")
    for typed, code, sentence in (
        ((), "typed_1", "Type the amount that this request sets"),
        (("3000", "29000"), "typed_1", "You typed KES 3,000, this request sets KES 30,000"),
        (("29000", "30000"), "typed_1", "You typed KES 29,000, this request sets KES 30,000"),
        (("30000",), "typed_2", "Type the amount that this request sets"),
        (("30000", "2900"), "typed_2", "You typed KES 2,900, this request sets KES 29,000"),
        (("30000", "29,000"), "typed_2", "digits only"),
    ):
        with pytest.raises(Refused, match=sentence) as refused:
            request_approve(request_id=request.pk, by=checker, seen=seal(request), words=YES, typed=typed)
        assert refused.value.code == code
        form = {"seen": seal(request), "words": YES, "typed": typed}
        answer = desk.post(reverse("desk_approval_approve", args=[request.pk]), form)
        assert answer.status_code == 400
        beside = {field.name: field.wrong for field in answer.context["retype"] if field.wrong}
        assert beside == {code: refused.value.sentence}
        assert [field.value for field in answer.context["retype"]] == [*typed, "", ""][:2]
    assert waits(request)
    assert approve(request, checker).state == RequestState.EXECUTED


@pytest.mark.fault("Z06")
def test_the_amount_is_that_of_the_moment(world: World) -> None:
    """The threshold that counts is the one at the moment of the approval."""
    request = made("payout_release", world, maker_of("payout_release"))
    checker = checker_of("payout_release")
    threshold_set(name="approval_retype_kes", value=Decimal(16_000), by=world.vault)
    with pytest.raises(Refused, match="Type the amount"):
        request_approve(request_id=request.pk, by=checker, seen=seal(request), words=YES)
    with pytest.raises(Refused, match="You typed KES 1,600, this request moves KES 16,000"):
        request_approve(request_id=request.pk, by=checker, seen=seal(request), words=YES, typed=("1600",))
    assert approve(request, checker).state == RequestState.EXECUTED


@pytest.mark.fault("Z02", "Z07")
@pytest.mark.parametrize("link", ["phone", "id"])
@pytest.mark.parametrize("pair", ["maker and checker", "maker and person", "checker and person"])
def test_the_database_lets_nobody_be_two_in_a_request(world: World, link: str, pair: str) -> None:
    """Raw SQL, as from somebody who is past the code."""
    people = {"maker": staff("treasury"), "checker": staff("treasury"), "person": world.alice}
    one, other = (people[name] for name in pair.split(" and "))
    values = [uuid.uuid4(), people["maker"].pk, people["person"].pk]
    insert = """
        INSERT INTO controls_request (id, kind, subject, payload, content_hash, effect, reason, state, decision, result,
            expires_at, maker_id, person_id)
        VALUES (%s, 'tier_set', 'tier:1', '{}', '', '{}', 'Because.', 'waiting', '', '', now() + interval '1 day',
            %s, %s)
    """
    decide = (
        "UPDATE controls_request SET checker_id = %s, decided_at = now(), state = 'refused' WHERE id = %s"
    )

    def both() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(insert, values)
            cursor.execute(decide, [people["checker"].pk, values[0]])
            transaction.set_rollback(True)

    both()  # three people
    if link == "phone":
        for person in (one, other):
            person.phone = PHONE
            person.save()
    else:
        _proven(one, other)
    with pytest.raises(DatabaseError, match="one person be two"):
        both()


def _proven(*people: User) -> None:
    """Cases with the same ID, one of them proven until a while ago: both hold at no time."""
    from django.utils import timezone

    from kyc.models import Case, CaseState, IdType

    for person, state in zip(people, (CaseState.APPROVED, CaseState.EXPIRED), strict=True):
        case = Case(user=person, id_type=IdType.NATIONAL_ID, state=state)
        case.id_number = "12345678"
        case.decided_at = case.valid_until = timezone.now()
        case.save(force_insert=True)


@pytest.mark.fault("Z07")
def test_the_database_keeps_a_person_from_their_own(world: World) -> None:
    request = asked("tier_set", {"person": str(world.alice.pk), "enhanced": True}, by=staff("reviewer"))
    with pytest.raises(DatabaseError, match="request_not_about_own"), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(checker=world.alice)


# --- at the same moment ---------------------------------------------------------------------------


@pytest.mark.race
@pytest.mark.fault("Z04")
@pytest.mark.django_db(transaction=True)
@every_kind
def test_two_approve_at_once_and_it_is_done_once(world: World, kind: str) -> None:
    request = made(kind, world, maker_of(kind))
    effect = request_effect(request)
    checkers = [checker_of(kind), checker_of(kind)]

    def act(number: int) -> Request:
        return request_approve(
            request_id=request.pk,
            by=checkers[number],
            seen=request_seal(request, effect),
            words=YES,
            typed=typed_for(effect),
        )

    (refused,) = errors(together(2, act))
    assert isinstance(refused, Conflict)
    assert Request.objects.get(pk=request.pk).state == RequestState.EXECUTED
    assert AuditEntry.objects.filter(subject=f"request:{request.pk}", action="request_approve").count() == 1
    assert_books()
