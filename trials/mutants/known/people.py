"""Mistakes in what two people decide, and in what the reconciliation shows them."""

from trials.mutants.mutant import Mutant

_REQUESTS = "controls/services/requests.py"
_FOUR_EYES = "controls/migrations/0002_four_eyes_and_switches.py"
_TESTS = "controls/tests/test_requests.py"
_FOUND = "oversight/tests/test_reconciliation.py::test_every_planted_difference_is_found_and_no_other"

MUTANTS = (
    Mutant(
        name="maker_is_checker",
        world="The second person may be the first one.",
        file=_REQUESTS,
        old="    if request.maker_id == by.pk:\n        raise Refused(",
        new="    if False:\n        raise Refused(",
        tests=(f"{_TESTS}::test_nobody_approves_their_own",),
    ),
    Mutant(
        name="maker_is_checker_in_the_database",
        world="Two different people are a rule of the page alone; a script knows no pages.",
        file=_FOUR_EYES,
        old='condition=models.Q(("maker", models.F("checker")), _negated=True), name="request_two_people"',
        new='condition=models.Q(("reason", ""), _negated=True), name="request_two_people"',
        tests=(f"{_TESTS}::test_the_database_refuses_one_person_twice",),
    ),
    Mutant(
        name="approval_without_its_content",
        world="What is approved is a number in a list; what it does has changed since the page was opened.",
        file=_REQUESTS,
        old="    if seen != request_seal(request, effect):",
        new="    if not seen:",
        tests=(f"{_TESTS}", "pools/tests/test_requests.py"),
    ),
    Mutant(
        name="approved_as_it_was_asked",
        world="She has sold the gold since; what is approved is held against the amounts of the day it was asked for.",
        file=_REQUESTS,
        old="        effect = _effect(description, moved)\n",
        new=(
            "        from controls.effects import effect_of\n"
            "        effect = _effect(description, effect_of(request.effect).accounts)\n"
        ),
        tests=(
            "oversight/tests/test_approval_weighed.py::test_what_moves_otherwise_by_now_is_seen_before_it_is_decided",
        ),
    ),
    Mutant(
        name="edited_request_approved",
        world="The amount was changed in the table after somebody had asked for it.",
        file=_REQUESTS,
        old="    if not _as_made(request):",
        new="    if not request.content_hash:",
        tests=(f"{_TESTS}::test_an_edited_request_is_not_approved",),
    ),
    Mutant(
        name="another_number_another_person",
        world="Somebody has two accounts, changes the number of one, and approves with it what the other asked for.",
        file="kyc/alike.py",
        old="        UNION SELECT phone_lookup FROM accounts_userevent WHERE pgh_obj_id = known.person\n",
        new="",
        tests=("oversight/tests/test_every_kind.py::test_a_number_that_an_account_had_before_tells_too",),
    ),
    Mutant(
        name="evidence_exchanged",
        world="The file is another one than what was attached; only the column with its hash is looked at.",
        file="controls/services/evidence.py",
        old="    if hashlib.sha256(content).hexdigest() != attachment.sha256:",
        new="    if not attachment.sha256:",
        tests=(f"{_TESTS}::test_evidence_that_was_exchanged_all_the_same_opens_for_nobody",),
    ),
    Mutant(
        name="decided_on_hold",
        world="A member of the team is put on hold, for a stolen password perhaps, and the session goes on deciding.",
        file=_REQUESTS,
        old="    _check_not_about(request, by)\n    _check_not_on_hold(by)\n\n\n",
        new="    _check_not_about(request, by)\n\n\n",
        tests=(f"{_TESTS}::test_who_is_on_hold_neither_asks_nor_decides",),
    ),
    Mutant(
        name="typing_switched_off",
        world="One yes to 90,000,000 for what is typed again, and nothing is typed again after it.",
        file="controls/services/thresholds.py",
        old="    if definition.unit not in _LARGE:",
        new='    if definition.unit not in _LARGE or "retype" in definition.name:',
        tests=("controls/tests/test_retyping.py",),
    ),
    Mutant(
        name="one_price_typed",
        world="The sell price lacks a digit, and customers' gold is bought for a tenth of its worth.",
        file="pools/requests.py",
        old='            Retype(str(sell), "What will people get for one gram?"),\n',
        new="",
        tests=("oversight/tests/test_every_kind.py::test_both_prices_beyond_the_band_are_typed_again",),
    ),
    Mutant(
        name="evidence_unread",
        world="The second person agrees to a page of M-Pesa's statement without ever having opened it.",
        file="oversight/approvals.py",
        old="        _evidence_opened(request, request_id)\n",
        new="",
        tests=("oversight/tests/test_approvals.py::test_who_approves_has_opened_the_evidence",),
    ),
    Mutant(
        name="look_by_a_refused_form",
        world="Whoever wants to read a request and leave no line sends its form with nothing in it.",
        file="oversight/approvals.py",
        old='@staff_page(*ROLES, reads="request")\ndef approval_refuse(',
        new="@staff_page(*ROLES)\ndef approval_refuse(",
        tests=(
            "oversight/tests/test_audit_routes.py::test_a_form_that_is_refused_and_shows_the_page_again_counts_as_a_look",
        ),
    ),
    Mutant(
        name="approved_by_two_at_once",
        world="Two people approve at the same moment, and it is done twice.",
        file=_REQUESTS,
        old='Request.objects.select_for_update(of=("self",)).select_related("maker").get(',
        new='Request.objects.select_related("maker").get(',
        tests=("oversight/tests/test_race_approve.py::test_it_is_done_once",),
    ),
    Mutant(
        name="request_without_an_end",
        world="A request from last month, made in another situation, is approved today.",
        file=_REQUESTS,
        old="    if request.state != RequestState.WAITING or over:",
        new="    if request.state != RequestState.WAITING:",
        tests=(f"{_TESTS}::test_it_expires_when_it_is_used",),
    ),
    Mutant(
        name="called_unpaid_too_soon",
        world="Staff call a payout unpaid while the provider is still carrying it out.",
        file="payments/requests.py",
        old="    if payment.direction == Direction.OUT and not _safe(payment):",
        new="    if False and not _safe(payment):",
        tests=(
            "payments/tests/test_two_people.py::test_not_paid_only_after_the_safe_time_and_with_evidence",
        ),
    ),
    Mutant(
        name="missing_lines_ignored",
        world="The reconciliation looks for lines that we lack, never for what we booked and the statement lacks.",
        file="oversight/reconciliation/missing.py",
        old="    found = [*(_payment_missing(row) for row in lost), *(_arrival_missing(row) for row in strays)]",
        new="    found = [_arrival_missing(row) for row in strays]",
        tests=(_FOUND,),
    ),
    Mutant(
        name="foreign_payouts_ignored",
        world="Somebody pays himself with a stolen credential outside of the house, and no report shows it.",
        file="oversight/reconciliation/money.py",
        old="        ELSE 'line_out_unknown'\n",
        new="        ELSE NULL\n",
        tests=(_FOUND,),
    ),
    Mutant(
        name="amounts_not_compared",
        world="A line with the right receipt and another amount counts as matched.",
        file="oversight/reconciliation/money.py",
        old="        WHEN payment_id IS NOT NULL AND payment_amount <> abs(moved) THEN 'amount_differs'\n",
        new="",
        tests=(_FOUND,),
    ),
)
