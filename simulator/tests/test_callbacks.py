import time

from simulator.tests.tools import until


def test_delivered_once_whatever_the_answer(provider, receiver, phone):
    addresses = [receiver.address(status=status) for status in (500, 503, 404, 302)]
    for address in addresses:
        provider.decide(provider.pushed(phone, CallBackURL=address), "decline")
        receiver.next(address)
    time.sleep(1)
    assert [receiver.count_after(address, 0) for address in addresses] == [0, 0, 0, 0]


def test_nobody_listening_is_no_harm(provider, receiver, phone):
    provider.decide(provider.pushed(phone, CallBackURL="http://127.0.0.1:9/nobody"), "decline")
    address = receiver.address()
    provider.decide(provider.pushed(phone, CallBackURL=address), "decline")
    assert receiver.next(address).stk["ResultCode"] == 1032


def test_a_receiver_that_hangs_holds_up_nobody(provider, receiver, phone):
    slow = [receiver.address(pause=3) for _ in range(4)]
    for number, address in enumerate(slow):
        provider.decide(provider.pushed(phone, Amount=10 + number, CallBackURL=address), "decline")
    quick = receiver.address()
    start = time.monotonic()
    provider.decide(provider.pushed(phone, Amount=50, CallBackURL=quick), "decline")
    receiver.next(quick)
    assert time.monotonic() - start < 2


def test_the_query_leads_the_callback(variant, receiver, phone):
    provider = variant(callback_seconds=1)
    address = receiver.address()
    checkout_id = provider.pushed(phone, CallBackURL=address)
    provider.decide(checkout_id, "accept")
    assert provider.query(checkout_id).json()["ResultCode"] == "0"
    assert receiver.count_after(address, 0) == 0
    assert receiver.next(address).stk["ResultCode"] == 0


def test_each_address_gets_its_own(provider, receiver, phone):
    addresses = [receiver.address() for _ in range(12)]
    ids = []
    for number, address in enumerate(addresses):
        ids.append(provider.pushed(f"2547{number:08d}", CallBackURL=address))
    for checkout_id in ids:
        provider.decide(checkout_id, "accept")
    for checkout_id, address in zip(ids, addresses, strict=True):
        assert receiver.next(address).stk["CheckoutRequestID"] == checkout_id
        assert receiver.count_after(address, 0) == 0


def test_the_books_page_shows_what_became_of_them(provider, receiver, phone):
    address = receiver.address(status=503)
    checkout_id = provider.pushed(phone, CallBackURL=address)
    provider.decide(checkout_id, "decline")
    receiver.next(address)
    page = until(lambda: "HTTP 503" in (text := provider.http.get("/books").text) and text)
    assert checkout_id in page


def test_a_reset_while_one_is_on_its_way_costs_no_later_one(variant, receiver, phone):
    provider = variant(callback_timeout_seconds=1)
    hangs, quick = receiver.address(pause=3), receiver.address()
    provider.decide(provider.pushed(phone, CallBackURL=hangs), "decline")
    receiver.next(hangs)
    provider.control("reset", {})
    provider.decide(provider.pushed(phone, CallBackURL=quick), "decline")
    assert receiver.next(quick).stk["ResultCode"] == 1032
