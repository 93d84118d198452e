"""The small parts by themselves: ids, charges, codes, addresses, settings, loopback, the store's rules."""

import re
from datetime import datetime

import pytest

from simulator import authenticator, books, control, ids, pages, phones
from simulator.config import Settings, SettingsError, settings_from
from simulator.store import Store, StoreError
from simulator.tariff import b2c_charge

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=ids.NAIROBI).timestamp()


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ids.NAIROBI).timestamp()


@pytest.mark.parametrize(
    ("moment", "prefix"),
    [
        ("2026-11-21", "UKL"),
        ("2025-01-01", "TA1"),
        ("2006-12-31", "ALV"),
        ("2026-02-09", "UB9"),
        ("2026-02-10", "UBA"),
    ],
)
def test_a_receipt_tells_its_day(moment, prefix):
    assert ids.day_prefix(at(moment)) == prefix
    assert re.fullmatch(prefix + "[A-Z0-9]{7}", ids.receipt(at=at(moment)))
    assert ids.no_receipt(at=at(moment)) == prefix + "0000000"


def test_the_day_is_nairobis():
    assert ids.day_prefix(datetime.fromisoformat("2026-11-21T22:30:00+00:00").timestamp()) == "UKM"
    assert ids.compact_time(NOON) == 20261121120000
    assert ids.midnight(NOON) == at("2026-11-21")


@pytest.mark.parametrize(
    ("amount", "charge"),
    [
        (10, 0),
        (100, 0),
        (101, 5),
        (1500, 5),
        (1501, 9),
        (5000, 9),
        (5001, 11),
        (20_000, 11),
        (20_001, 13),
        (250_000, 13),
    ],
)
def test_charges(amount, charge):
    assert b2c_charge(amount) == charge


def test_no_charge_beyond_the_maximum():
    with pytest.raises(ValueError, match="250001"):
        b2c_charge(250_001)


# RFC 6238, appendix B, SHA-1.
@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1234567890, "89005924"), (20000000000, "65353130")],
)
def test_codes_are_those_of_the_standard(moment, code):
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert authenticator.code_at(secret, at=moment, digits=8, period=30) == code
    assert authenticator.code_at(secret, at=moment, digits=6, period=30) == code[2:]


@pytest.mark.parametrize("typed", ["0712345678", "+254712345678", "254 712 345 678", "0712-345-678"])
def test_numbers_as_people_type_them(typed):
    assert phones.number_from(typed) == "254712345678"


@pytest.mark.parametrize("typed", ["", "0812345678", "712345678", "٠٧١٢٣٤٥٦٧٨", "25471234567x"])
def test_what_is_no_number(typed):
    assert phones.number_from(typed) is None


def test_links_are_found_and_everything_is_escaped():
    text = '<b>Go</b> to https://x.test/a?b=1&c="2", or (http://localhost:8000/v/k-1/). javascript:alert(1)'
    html = str(pages.links(text))
    assert "<b>" not in html
    assert 'href="https://x.test/a?b=1&amp;c="' in html
    assert 'href="http://localhost:8000/v/k-1/"' in html
    assert 'href="javascript' not in html


@pytest.mark.parametrize(("remote", "ours"), [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True)])
def test_this_machine(remote, ours):
    assert control._is_loopback(remote) is ours


@pytest.mark.parametrize("remote", ["10.0.0.1", "192.168.1.2", "::ffff:10.0.0.1", "", "unix"])
def test_another_machine(remote):
    assert control._is_loopback(remote) is False


def test_settings_have_defaults_and_empty_means_unset():
    assert settings_from({}) == Settings()
    assert settings_from({"SIMULATOR_PORT": "", "SIMULATOR_FLOAT": " 7 "}).float_opening == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIMULATOR_PORT", "http"),
        ("SIMULATOR_PORT", "0"),
        ("SIMULATOR_PROMPT_SECONDS", "-1"),
        ("SIMULATOR_PROMPT_SECONDS", "nan"),
        ("SIMULATOR_QUERY_ERRORS", "2"),
        ("SIMULATOR_FLOAT", "1.5"),
        ("SIMULATOR_CONTROL", "yes"),
    ],
)
def test_a_bad_setting_is_named(name, value):
    with pytest.raises(SettingsError, match=name):
        settings_from({name: value})


def test_one_simulator_for_a_folder(tmp_path):
    first = Store(tmp_path)
    with pytest.raises(StoreError, match="Another simulator"):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()


def test_a_file_of_before_gets_the_tables_it_lacks(tmp_path):
    store = Store(tmp_path)
    with store.write() as db:
        books.open_float(db, shortcode="600991", amount=100, at=NOON)
        db.execute("DROP VIEW payments")
        db.execute("DROP TABLE paybills")
    store.close()
    store = Store(tmp_path)
    with store.read() as db:
        assert books.balance(db, "b2c:600991:utility") == 100
        assert db.execute("SELECT count(*) FROM payments").fetchone()[0] == 0
    store.close()


def test_the_books_refuse_to_pay_what_is_not_there(tmp_path):
    store = Store(tmp_path)
    with store.write() as db:
        books.open_float(db, shortcode="600991", amount=100, at=NOON)
    transfers = [books.Transfer("b2c:600991:utility", "phone:254712345678", 101)]
    with pytest.raises(books.NotEnough), store.write() as db:
        books.post(db, kind="business payment", memo="", at=NOON, transfers=transfers)
    with store.read() as db:
        assert books.accounts(db) == {"b2c:600991:utility": 100, "outside:cash": -100}
        assert len(books.transactions(db)) == 1
    store.close()


@pytest.mark.parametrize("amount", [0, -5])
def test_a_transfer_moves_more_than_nothing(tmp_path, amount):
    store = Store(tmp_path)
    transfers = [books.Transfer("outside:cash", "phone:254712345678", amount)]
    with pytest.raises(ValueError, match="more than nothing"), store.write() as db:
        books.post(db, kind="opening", memo="", at=NOON, transfers=transfers)
    store.close()
