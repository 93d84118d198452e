"""What happens in the simulator so that a callback goes out, and what is read from it."""

SEEDS = range(24)


def paid(provider, phone, address, amount=1000):
    """A payment that its payer accepted."""
    checkout_id = provider.pushed(phone, CallBackURL=address, Amount=amount)
    assert provider.decide(checkout_id, "accept").json()["state"] == "completed"
    return checkout_id


def declined(provider, phone, address):
    checkout_id = provider.pushed(phone, CallBackURL=address)
    provider.decide(checkout_id, "decline")
    return checkout_id


def paid_out(provider, phone, address, **changes):
    own_id = f"payout-{phone}"
    answer = provider.payout(phone, ResultURL=address, OriginatorConversationID=own_id, **changes)
    return answer.json()["ConversationID"]


def items(call):
    return {item["Name"]: item.get("Value") for item in call.stk["CallbackMetadata"]["Item"]}


def receipts(provider):
    return {one["receipt"] for one in provider.books()["transactions"] if one["receipt"]}


def told_by_seed(provider, receiver, phone, fault, happen, api):
    """The same event told honestly, then under each seed. Times, ids and receipts are equal by the seed."""
    for seed in (None, *SEEDS):
        provider.control("reset", {"seed": 1})
        if seed is not None:
            provider.spoil({"api": api, "fault": fault}, seed=seed)
        address = receiver.address()
        happen(provider, phone, address)
        assert len(provider.advance(5)) == 1
        yield receiver.next(address)
