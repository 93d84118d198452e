"""Mistakes in the life of a payment: sent, asked about, settled, matched."""

from trials.mutants.mutant import Mutant

_SENDING = "payments/sending.py"
_SETTLING = "payments/services/settling.py"
_TESTS = "payments/tests"
#: The end of `sending._record`: what becomes of a request whose fate nobody knows.
_UNKNOWN = """\
    else:
        move(payment, State.UNKNOWN, moves=MOVES, due_at=after(_ASK_UNKNOWN_SECONDS[0]), tries=0)


"""
#: `sending._ask_payout`: what ends a payout unpaid.
_UNPAID = """\
    if hints.status_fate == Fate.FAILED and not hints.success and not strange:
        code = hints.failure_code or hints.status_code
        payment_settle(payment_id=payment.pk, paid=False, code=code, callback=hints.status)
"""

MUTANTS = (
    Mutant(
        name="unknown_is_failed",
        world='No answer counts as "not paid" and the hold is released; the provider had paid.',
        file=_SENDING,
        old=_UNKNOWN,
        new="    else:\n"
        '        payment_settle(payment_id=payment.pk, paid=False, code="timeout", exchange=exchange)\n\n\n',
        tests=(f"{_TESTS}/test_send.py::test_a_lost_answer_is_never_sent_again",),
    ),
    Mutant(
        name="unknown_is_sent_again",
        world="No answer, so the worker tries once more: the customer is paid twice.",
        file=_SENDING,
        old=_UNKNOWN,
        new="    else:\n        move(payment, State.CREATED, moves=MOVES, due_at=after(_RETRY_SECONDS))\n\n\n",
        tests=(f"{_TESTS}/test_send.py::test_a_lost_answer_is_never_sent_again",),
    ),
    Mutant(
        name="dead_sender_starts_over",
        world="A worker died between its call and its note; the next one takes the payout for unsent.",
        file=_SENDING,
        old="        dead.update(state=State.UNKNOWN, due_at=after(_ASK_UNKNOWN_SECONDS[0]), tries=0)",
        new="        dead.update(state=State.CREATED, due_at=Now(), tries=0)",
        tests=(
            f"{_TESTS}/test_send.py::test_a_worker_that_died_while_sending_leaves_a_question_and_no_second_request",
        ),
    ),
    Mutant(
        name="claim_looked_at_then_written",
        world="A job is delivered to several workers; each looks, finds the payment unsent, and sends it.",
        file=_SENDING,
        old="    if mine.update(**claimed, tries=_ONE_MORE) != 1:\n        return None\n",
        new="    if not mine.exists():\n        return None\n"
        "    Payment.objects.filter(pk=payment.pk).update(**claimed, tries=_ONE_MORE)\n",
        tests=("trading/tests/test_race_settle.py::test_16_workers_with_the_same_job_send_one_prompt",),
    ),
    Mutant(
        name="prompt_sent_after_its_time",
        world="The worker was behind; an hour later the phone rings for a price that is long gone.",
        file=_SENDING,
        old="state=State.CREATED, due_at__lte=Now()).exclude(\n        expires_at__lte=Now()\n    )",
        new="state=State.CREATED, due_at__lte=Now())",
        tests=(f"{_TESTS}/test_send.py::test_a_prompt_that_was_not_sent_in_time_is_never_sent",),
    ),
    Mutant(
        name="put_off_and_heard_of",
        world='The gateway said "busy" and passed the prompt on all the same: the callback came, and we send again.',
        file=_SENDING,
        old="    if payment.tries and _was_heard(payment):\n",
        new="    if False:\n",
        tests=(f"{_TESTS}/test_send.py::test_a_prompt_that_was_put_off_and_heard_of_is_not_sent_again",),
    ),
    Mutant(
        name="new_id_at_each_try",
        world="Each request carries a fresh id, so the provider cannot know that it was asked the same before.",
        file=_SENDING,
        old="            originator_id=str(payment.pk),\n            amount=",
        new="            originator_id=str(uuid.uuid4()),\n            amount=",
        tests=(f"{_TESTS}/test_send.py::test_a_busy_gateway_is_tried_again",),
    ),
    Mutant(
        name="answer_undoes_the_callback",
        world="The callback was faster than the answer to the request, which then sets the payment back to pending.",
        file=_SENDING,
        old="        if not move(payment, State.PENDING, moves=MOVES, **changes):\n"
        "            Payment.objects.filter(pk=payment.pk).update(**ids)\n",
        new="        Payment.objects.filter(pk=payment.pk).update(state=State.PENDING, **changes)\n",
        tests=(f"{_TESTS}/test_send.py::test_a_callback_before_the_answer_is_not_undone_by_it",),
    ),
    Mutant(
        name="states_looked_at_then_written",
        world="A state machine that reads the state, finds the step legal, and then writes: two ends for one payment.",
        file="goldwallet/states.py",
        old='    rows = type(row)._default_manager.filter(pk=row.pk, **{f"{field}__in": legal})\n',
        new="    rows = type(row)._default_manager.filter(pk=row.pk)\n"
        '    if not rows.filter(**{f"{field}__in": legal}).exists():\n        return False\n',
        tests=("trading/tests/test_race_settle.py::test_one_guard_of_settling_is_enough",),
    ),
    Mutant(
        name="nobody_asks",
        world="An accepted prompt gets no time for its first question: its callback is lost, and the order stays open.",
        file=_SENDING,
        old='        changes: dict[str, Any] = {**ids, "due_at": after(_ASK_SECONDS[0]), "tries": 0}',
        new='        changes: dict[str, Any] = {**ids, "due_at": None, "tries": 0}',
        tests=(f"{_TESTS}/test_ask.py::test_no_callback_at_all_the_question_settles_it",),
    ),
    Mutant(
        name="callback_believed",
        world='Whoever knows the address posts "paid" and gets the goods: the provider was never asked.',
        file=_SENDING,
        old="    report = rail(payment.method).collect_report(request_id=request_id)\n",
        new="    report = rail(payment.method).collect_report(request_id=request_id)\n"
        '    if hints.success:\n        report = type(report)(Fate.PAID, 200, "0", "", "")\n',
        tests=(f"{_TESTS}/test_callback.py::test_a_forged_success_delivers_nothing",),
    ),
    Mutant(
        name="failure_callback_believed",
        world='A result says "failed", so the hold is released without a question; the status would have said paid.',
        file=_SENDING,
        old=_UNPAID,
        new=_UNPAID.replace("hints.status_fate == Fate.FAILED", "hints.failure_code").replace(
            "callback=hints.status)", "callback=hints.callbacks[-1])"
        ),
        tests=(f"{_TESTS}/test_ask.py::test_a_result_that_says_failed_is_asked_about_and_keeps_its_reason",),
    ),
    Mutant(
        name="callback_about_another_amount",
        world="The callback is about KES 1, the order is about KES 10,000, and nobody compares.",
        file="payments/inbox.py",
        old="    if claim.amount is not None and claim.amount != payment.amount:\n",
        new="    if False:\n",
        tests=(f"{_TESTS}/test_callback.py::test_a_callback_about_something_else_goes_to_staff",),
    ),
    Mutant(
        name="prompt_of_another_payment",
        world="A paid prompt is shown again, at the address of another order: it pays for that one too.",
        file="payments/inbox.py",
        old="    if claim.request_id and not payment.request_id and _of_another(claim.request_id, payment):",
        new="    if False and _of_another(claim.request_id, payment):",
        tests=(f"{_TESTS}/test_ask.py::test_the_id_of_another_payment_is_not_taken_over",),
    ),
    Mutant(
        name="settled_without_the_lock",
        world="Copies of a success are settled side by side, each on the row as it was before the others.",
        file="payments/services/making.py",
        old='Payment.objects.select_for_update(of=("self",)).select_related("user").get(',
        new='Payment.objects.select_related("user").get(',
        tests=("trading/tests/test_race_settle.py::test_one_guard_of_settling_is_enough",),
    ),
    Mutant(
        name="posting_key_made_up",
        world="Each posting gets a random idempotency key: it has one, and it guards nothing.",
        file=_SETTLING,
        old='            key=f"payment:{payment.pk}:{word}",',
        new='            key=f"payment:{uuid.uuid4()}:{word}",',
        tests=("trading/tests/test_race_settle.py::test_one_guard_of_settling_is_enough",),
    ),
    Mutant(
        name="money_moves_after_the_commit",
        world="The payment ends in one transaction and the posting runs in a hook after it; a restart in between "
        "loses it.",
        file=_SETTLING,
        old="def _post(payment: Payment, word: str, transfers: Sequence[Transfer]) -> None:\n",
        new="def _post(payment: Payment, word: str, transfers: Sequence[Transfer]) -> None:\n"
        "    transaction.on_commit(lambda: _post_later(payment, word, transfers))\n\n\n"
        "def _post_later(payment: Payment, word: str, transfers: Sequence[Transfer]) -> None:\n",
        tests=("trading/tests/test_fault_time.py::test_no_hook_ever_runs_and_all_the_money_moves",),
    ),
    Mutant(
        name="job_enqueued_after_the_commit",
        world="The hold is committed, and only then the job that acts on it: killed in between, nobody acts.",
        file="payments/services/making.py",
        old="    if not wait_for_staff:\n        look_soon(payment.pk)\n",
        new="    if not wait_for_staff:\n        transaction.on_commit(lambda: look_soon(payment.pk))\n",
        tests=("trading/tests/test_fault_time.py::test_job_and_hold_are_there_together_or_not_at_all",),
    ),
    Mutant(
        name="charge_not_booked",
        world="The provider's charges are left out of the books, and the float drifts away day by day.",
        file=_SETTLING,
        old="    charged = _charged(payment) if paid else []",
        new="    charged: list[Transfer] = []",
        tests=(f"{_TESTS}/test_settle.py::test_the_charge_of_a_payout_is_booked_by_the_tariff",),
    ),
    Mutant(
        name="paid_after_release_goes_on",
        world="A payout was paid although its hold had been released, and payouts simply go on.",
        file=_SETTLING,
        old="    switch_pause(name=SwitchName.PAYOUTS, cause=Cause.INCIDENT, note=note)\n",
        new="",
        tests=(f"{_TESTS}/test_settle.py::test_a_payout_paid_after_it_ended_unpaid_is_an_incident",),
    ),
    Mutant(
        name="pause_read_without_the_lock",
        world="The switch is read, then it is turned off, then the payout goes out all the same.",
        file="controls/services/switches.py",
        old="Switch.objects.select_for_update(no_key=True).filter(",
        new="Switch.objects.filter(",
        tests=(
            f"{_TESTS}/test_payout_pause.py::test_a_pause_waits_for_the_claim_and_the_next_claim_for_the_pause",
        ),
    ),
    Mutant(
        name="on_hold_and_paid",
        world="The account was frozen while its payout waited in the queue, and the payout goes out.",
        file=_SENDING,
        old="    if person_lock(payment.user_id).frozen:\n",
        new="    if False:\n",
        tests=(f"{_TESTS}/test_two_people.py::test_who_is_on_hold_is_not_paid_by_one_person",),
    ),
    Mutant(
        name="volume_never_unusual",
        world="A stolen session drains the float in an hour, since no volume is too much.",
        file="payments/selectors.py",
        old='    if kes > threshold("payouts_hour_kes"):',
        new="    if False:",
        tests=(f"{_TESTS}/test_payout_pause.py::test_more_than_usual_trips_the_switch",),
    ),
    Mutant(
        name="restore_sends_old_payouts",
        world="Yesterday's backup is put back, and yesterday's payouts go out a second time.",
        file="payments/services/making.py",
        old="    return unsent.update(state=State.UNKNOWN, sent_at=Now(), due_at=Now(), tries=0)",
        new="    return unsent.update(due_at=Now())",
        tests=(f"{_TESTS}/test_payout_pause.py::test_after_a_restore_what_looks_unsent_is_asked_about",),
    ),
    Mutant(
        name="announced_and_listed_is_paid_twice",
        world="A prompt's payment is announced a second time as a payment by hand, and is credited again.",
        file="payments/arrivals/matching.py",
        old="    if claimed is not None and named in {None, claimed}:",
        new="    if claimed is not None and named is None:",
        tests=(
            f"{_TESTS}/test_arrivals.py::test_a_prompt_that_is_paid_is_announced_twice_and_credited_once",
        ),
    ),
    Mutant(
        name="announced_by_anybody",
        world="The address for notices of money is public, and whatever is posted there is taken in.",
        file="payments/arrivals/notices.py",
        old="    if not hmac.compare_digest(token.encode(), hook_secret(kind).encode()):",
        new="    if not token:",
        tests=(f"{_TESTS}/test_arrivals.py::test_no_secret_no_address",),
    ),
    Mutant(
        name="reference_fits_amount_does_not",
        world="The right reference with KES 10 instead of 10,000 fills the order.",
        file="payments/arrivals/matching.py",
        old='    if arrival.amount != payment.amount:\n        asked = f"Payment',
        new='    if arrival.amount < 0:\n        asked = f"Payment',
        tests=(f"{_TESTS}/test_arrivals.py::test_another_amount_with_the_right_reference_waits",),
    ),
    Mutant(
        name="list_cut_short_proves",
        world="Half a list was read, the payment was not on it, so it counts as not paid.",
        file="payments/arrivals/pulling.py",
        old="        if page.outcome == PullOutcome.NONE:\n",
        new="        if page.outcome != PullOutcome.OK:\n",
        tests=(f"{_TESTS}/test_arrivals.py::test_a_list_that_was_not_read_to_its_end_proves_nothing",),
    ),
)
