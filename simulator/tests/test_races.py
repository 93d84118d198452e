"""Many callers at once: money moves once, and the books hold."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from simulator.tests.tools import assert_books_balance


def at_once(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_one_prompt_answered_sixteen_times(provider, receiver, phone):
    address = receiver.address()
    checkout_id = provider.pushed(phone, CallBackURL=address)
    answers = at_once([lambda: provider.decide(checkout_id, "accept").status_code] * 16)
    assert sorted(answers) == [200] + [409] * 15
    assert provider.balance(phone) == 299_000
    assert receiver.next(address).stk["ResultCode"] == 0
    assert receiver.count_after(address, 0.3) == 0


def test_one_phone_pushed_sixteen_times(provider, phone):
    provider.token()
    provider.call("/mpesa/stkpush/v1/processrequest", {})
    answers = at_once([lambda: provider.push(phone).status_code] * 16)
    assert sorted(answers) == [200] + [500] * 15
    assert len(provider.control(f"prompts?phone={phone}")) == 1


def test_one_payout_id_sixteen_times(provider, phone):
    own = f"race-{phone}"
    credential = provider.credential()

    def pay():
        return provider.payout(phone, OriginatorConversationID=own, SecurityCredential=credential).status_code

    assert sorted(at_once([pay] * 16)) == [200] + [500] * 15
    provider.payout_ended(own)
    assert provider.balance(phone) == 300_500


def test_many_payments_and_payouts(provider):
    numbers = [f"2541{index:08d}" for index in range(24)]
    credential = provider.credential()

    def pay(number):
        with httpx.Client(base_url=provider.base, trust_env=False) as http:
            checkout_id = provider.pushed(number, Amount=100)
            http.post(f"/control/prompts/{checkout_id}", json={"action": "accept"})
        own = provider.payout(number, Amount=150, SecurityCredential=credential).json()
        return own["OriginatorConversationID"]

    for own in at_once([lambda number=number: pay(number) for number in numbers]):
        assert provider.payout_ended(own)["state"] == "completed"
    assert {provider.balance(number) for number in numbers} == {300_050}
    assert_books_balance(provider.books())
