"""What was promised before a stop happens after the start."""

import signal
import time

import pytest

from simulator.tests.tools import assert_books_balance


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_everything_survives(program, receiver, phone, how):
    simulator = program()
    provider = simulator.start()
    provider.decide(provider.pushed(phone), "accept")
    own = provider.payout(phone).json()["OriginatorConversationID"]
    provider.payout_ended(own)
    provider.control(f"phones/{phone}", {"authenticator": {"account": "a", "secret": "JBSWY3DP"}})
    waiting = provider.pushed(phone, Amount=5)
    token, before = provider.token(), provider.control(f"phones/{phone}")
    books, certificate = provider.books(), (simulator.data / "certificate.pem").read_bytes()
    code = simulator.end(how)
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 0)
    again = simulator.start()
    assert again.books() == books
    after = again.control(f"phones/{phone}")
    assert (after["balance"], after["messages"]) == (before["balance"], before["messages"])
    assert after["authenticator"][0]["account"] == "a"
    assert (simulator.data / "certificate.pem").read_bytes() == certificate
    assert again.control(f"prompts?phone={phone}")[0]["CheckoutRequestID"] == waiting
    assert again.call("/mpesa/stkpush/v1/processrequest", {}, token=token).status_code == 400
    assert again.decide(waiting, "accept").json()["state"] == "completed"
    assert_books_balance(again.books())


def test_what_was_due_meanwhile_happens(program, receiver, phone):
    simulator = program(
        SIMULATOR_PROMPT_SECONDS="1", SIMULATOR_B2C_SECONDS="1", SIMULATOR_CALLBACK_SECONDS="1"
    )
    provider = simulator.start()
    paid, ignored, payout, status = (receiver.address() for _ in range(4))
    provider.decide(provider.pushed(phone, CallBackURL=paid), "accept")
    provider.pushed(phone, Amount=5, CallBackURL=ignored)
    own = provider.payout(phone, ResultURL=payout).json()["OriginatorConversationID"]
    provider.status(status, OriginalConversationID=own)
    simulator.end(signal.SIGKILL)
    time.sleep(1.1)
    assert [receiver.count_after(address, 0) for address in (paid, ignored, payout, status)] == [0, 0, 0, 0]
    again = simulator.start()
    assert receiver.next(paid).stk["ResultCode"] == 0
    assert receiver.next(ignored).stk["ResultCode"] == 1037
    assert receiver.next(payout).result["ResultCode"] == 0
    assert receiver.next(status).parameters["TransactionStatus"] == "Completed"
    assert again.balance(phone) == 300_000 - 1000 + 500
    assert [receiver.count_after(address, 0) for address in (paid, ignored, payout, status)] == [0, 0, 0, 0]


def test_a_callback_on_its_way_at_a_kill_is_not_sent_again(program, receiver, phone):
    simulator = program(SIMULATOR_CALLBACK_TIMEOUT_SECONDS="10")
    provider = simulator.start()
    address = receiver.address(pause=3)
    provider.decide(provider.pushed(phone, CallBackURL=address), "decline")
    receiver.next(address)
    simulator.end(signal.SIGKILL)
    again = simulator.start()
    assert receiver.count_after(address, 0.5) == 0
    assert "interrupted" in again.http.get("/books").text


def test_a_taken_port_and_a_bad_setting_end_with_a_sentence(program, capfd):
    first, second = program(), program()
    first.start()
    second.environment["SIMULATOR_PORT"] = str(first.port)
    bad = program(SIMULATOR_QUERY_ERRORS="often")
    for one in (second, bad):
        with pytest.raises(AssertionError):
            one.port = first.port + 1  # nobody: the process must end by itself
            one.start()
        assert one.process.wait(5) != 0
        one.process = None
    said = capfd.readouterr().err
    assert "in use" in said
    assert "SIMULATOR_QUERY_ERRORS" in said
    assert "Traceback" not in said
