"""Mistakes in what is believed of the provider's answers, and in how it is called."""

from trials.mutants.mutant import Mutant

_RAIL = "payments/rails/daraja"
_ANSWERS = "payments/tests/test_daraja_answers.py"

MUTANTS = (
    Mutant(
        name="still_processing_is_failed",
        world='4999, "still under processing", is read as a failure: the order is cancelled and the customer pays.',
        file=f"{_RAIL}/answers.py",
        old="    if code in codes.STILL_RUNNING:\n        return Fate.PENDING\n",
        new="    if code in codes.STILL_RUNNING:\n        return Fate.FAILED\n",
        tests=(f"{_ANSWERS}::test_query",),
    ),
    Mutant(
        name="being_processed_is_failed",
        world='500.001.1001, which also means "the transaction is being processed", is read as a failure.',
        file=f"{_RAIL}/answers.py",
        old="        # all.\n        fate = Fate.PENDING",
        new="        # all.\n        fate = Fate.FAILED",
        tests=(f"{_ANSWERS}::test_query",),
    ),
    Mutant(
        name="unheard_of_code_is_failed",
        world='Every code but 0 counts as a failure; the provider invents a new one, and it means "later".',
        file=f"{_RAIL}/answers.py",
        old="    return Fate.FAILED if code in codes.COLLECT_FAILURES else Fate.UNKNOWN",
        new="    return Fate.FAILED",
        tests=(f"{_ANSWERS}::test_query", f"{_ANSWERS}::test_a_thousand_random_codes_are_unknown"),
    ),
    Mutant(
        name="timeout_is_not_executed",
        world="A request that timed out counts as never sent, so it is sent again: the payout goes out twice.",
        file=f"{_RAIL}/http.py",
        old="        return Said(status=status, trouble=Trouble.TIMEOUT)\n    except httpx.RequestError:",
        new="        return Said(status=status, trouble=Trouble.UNSENT)\n    except httpx.RequestError:",
        tests=(f"{_ANSWERS}::test_anything_less_than_an_answer_is_unknown",),
    ),
    Mutant(
        name="broken_answer_is_refused",
        world="Any answer that is no success is a refusal; behind the gateway's 500 the money had gone.",
        file=f"{_RAIL}/answers.py",
        old="            return row.outcome\n    return Outcome.UNKNOWN\n",
        new="            return row.outcome\n    return Outcome.REFUSED\n",
        tests=(f"{_ANSWERS}::test_pay_out",),
    ),
    Mutant(
        name="request_repeated_by_the_client",
        world="The HTTP client is told to retry, also what may have been carried out.",
        file=f"{_RAIL}/client.py",
        old="    if answers.token_refused(heard):\n        heard = _post",
        new="    if heard.said.trouble or answers.token_refused(heard):\n        heard = _post",
        tests=(f"{_ANSWERS}::test_anything_less_than_an_answer_is_unknown",),
    ),
    Mutant(
        name="duplicate_is_refused",
        world='"Duplicate OriginatorConversationID" is taken for a failed payout: the first request had arrived.',
        file=f"{_RAIL}/answers.py",
        old='    _row(404, "404.002.01", "not found", Outcome.REFUSED),\n',
        new='    _row(404, "404.002.01", "not found", Outcome.REFUSED),\n'
        '    _row(500, "500.002.1001", "duplicate", Outcome.REFUSED),\n',
        tests=(f"{_ANSWERS}::test_pay_out",),
    ),
    Mutant(
        name="queue_timeout_is_failed",
        world="The provider's queue gave up waiting, so the gold is given back; then the payout arrives.",
        file="payments/inbox.py",
        old="    # A timeout notice says nothing about the payment's fate.\n",
        new="    else:\n        hints.status, hints.status_fate = callback, Fate.FAILED\n",
        tests=("payments/tests/test_ask.py::test_a_timeout_notice_is_no_failure",),
    ),
    Mutant(
        name="queue_timeout_echo_is_failed",
        world="The same, where the notice is our own request sent back.",
        file=f"{_RAIL}/claims.py",
        old='        success=None,\n        code="",\n        text="",\n        request_id="",\n'
        '        merchant_request_id="",\n        originator_id=originator,',
        new='        success=False,\n        code="",\n        text="",\n        request_id="",\n'
        '        merchant_request_id="",\n        originator_id=originator,',
        tests=(
            "payments/tests/test_daraja_claims.py::test_a_queue_timeout_that_echoes_our_request_is_no_failure",
        ),
    ),
    Mutant(
        name="more_to_come_is_an_end",
        world="A result that announces another one is taken for the last.",
        file=f"{_RAIL}/claims.py",
        old="    success = None if waiting else _success(code, codes.PAY_OUT_FAILURES)",
        new="    success = _success(code, codes.PAY_OUT_FAILURES)",
        tests=("payments/tests/test_daraja_claims.py::test_more_to_come_is_no_end",),
    ),
    Mutant(
        name="failed_question_is_an_answer",
        world="The status query itself went wrong, and its empty answer is read as the payment's fate.",
        file=f"{_RAIL}/claims.py",
        old="    if not claim.readable or claim.code != codes.PAID:",
        new="    if not claim.readable:",
        tests=("payments/tests/test_daraja_claims.py::test_a_query_that_did_not_work_says_nothing",),
    ),
    Mutant(
        name="refused_token_used_again",
        world="The access token was turned down and the same one is presented again and again, for an hour.",
        file=f"{_RAIL}/client.py",
        old="token.bearer(refused=bearer)",
        new="token.bearer()",
        tests=("payments/tests/test_daraja_token.py",),
    ),
    Mutant(
        name="token_for_ever",
        world="The access token is cached and its end is never looked at.",
        file=f"{_RAIL}/token.py",
        old="self.expires_at is not None and self.expires_at - SPARE > self.now",
        new="self.expires_at is not None",
        tests=("payments/tests/test_daraja_token.py",),
    ),
    Mutant(
        name="payout_api_version_1",
        world="The older payout API makes ids of its own, so that nothing stops a second payment after a lost answer.",
        file=f"{_RAIL}/client.py",
        old='B2C = "/mpesa/b2c/v3/paymentrequest"',
        new='B2C = "/mpesa/b2c/v1/paymentrequest"',
        tests=(
            "trading/tests/test_flow_provider.py::test_a_payout_whose_result_is_lost_settles_by_a_later_question",
        ),
    ),
    Mutant(
        name="call_inside_a_transaction",
        world="The provider is called while rows are locked: it hangs, and the whole house with it.",
        file="goldwallet/outside.py",
        old="        if blocks or by_hand:\n",
        new="        if False:\n",
        tests=("payments/tests/test_daraja_requests.py",),
    ),
)
