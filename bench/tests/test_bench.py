"""The benchmark itself works: small, on a cluster of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.report import BEGIN, END, Count, Ratio, table, write_chart, write_page
from bench.statements import Seen, script
from goldwallet.test.house import database_url

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_quick():
    """What the migrations make is copied from the tests' own database: running them takes longer than all the rest."""
    program = [sys.executable, "-m", "bench", "--quick", "--from", database_url()]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((ROOT / "var" / "bench" / "quick.json").read_text())
    assert [(row["row"], row["title"]) for row in found["results"]] == [
        (1, "post() / pgbench, one hot pool"),
        (1, "post() / pgbench, 4 pools"),
        (2, "buy_confirm / pgbench, its statements"),
        (8, "statements of buy_confirm"),
        (8, "statements of settling a buy"),
        (15, "desk page / its SQL: transactions, first page"),
        (15, "desk page / its SQL: transactions, opened anew"),
        (15, "desk page / its SQL: transactions, far back"),
        (15, "desk page / its SQL: transactions of a day"),
        (15, "desk page / its SQL: transactions of a busy account"),
        (15, "desk page / its SQL: transactions of a person"),
        (15, "desk page / its SQL: an account"),
        (15, "desk page / its SQL: an account's day"),
        (15, "desk page / its SQL: orders, first page"),
        (15, "desk page / its SQL: orders, far back"),
    ]
    assert all(row["median"] > 0 for row in found["results"] if "median" in row)
    # Row 8 is exact on every machine, so it is held here. Settling with a receipt asks what else it stands for, under a
    # lock of its own (payments.services.receipts): four statements more than the 7 that are the aim.
    assert [row["statements"] for row in found["results"] if row["row"] == 8] == [9, 11]
    assert not (ROOT / "var" / "postgres" / "bench").exists()


def test_a_row_that_is_not_there():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--rows", "99"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "no 99" in done.stderr


def measured() -> list[Ratio | Count]:
    hot = Ratio(1, "hot", 0.8, 0.95, ours=[90, 80, 100], theirs=[100, 100, 100])
    return [hot, Count(8, "statements", 9, 6, 9)]


def test_median_and_spread_are_of_the_pairs():
    one = Ratio(1, "x", 0.8, 0.95, ours=[10, 100, 90], theirs=[100, 100, 100])
    assert (one.median, min(one.ratios), max(one.ratios)) == (0.9, 0.1, 1.0)


@pytest.mark.parametrize(("speed", "verdict"), [(95, "beyond"), (80, "reached"), (79, "short")])
def test_verdict(speed, verdict):
    assert Ratio(1, "x", 0.8, 0.95, ours=[speed], theirs=[100]).verdict == verdict


@pytest.mark.parametrize(("statements", "verdict"), [(6, "beyond"), (9, "reached"), (10, "short")])
def test_verdict_of_a_count(statements, verdict):
    assert Count(8, "x", 9, 6, statements).verdict == verdict


def test_the_page_keeps_what_people_wrote(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(f"# Speed\n\nbefore\n{BEGIN}\nold\n{END}\nafter\n")
    write_page(page, measured(), {"cores": 2, "python": "3.12"})
    text = page.read_text()
    assert text.startswith("# Speed\n\nbefore\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert table(measured()) in text
    assert "2 cores, python 3.12" in text
    page.write_text("# Speed\n")
    with pytest.raises(ValueError, match="no place"):
        write_page(page, measured(), {"cores": 2})


def test_the_chart_is_a_picture(tmp_path):
    import xml.etree.ElementTree as ET

    write_chart(tmp_path / "chart.svg", measured())
    root = ET.parse(tmp_path / "chart.svg").getroot()
    assert root.tag.endswith("svg")
    assert any("1 · hot" in (text.text or "") for text in root.iter())


def test_a_script_for_pgbench():
    seen = Seen(
        ["SELECT f('order:A1:reserved', 'it''s', E'{\\\\\"x\": 1}', 'A1'::uuid, 'plain')", "SELECT 'a:b'"]
    )
    assert script(seen, changing={"A1": "md5(:n)"}, setup="\\set n 1") == (
        "\\set n 1\n"
        "BEGIN;\n"
        "SELECT f((E'order\\x3a' || (md5(:n)) || E'\\x3areserved'), 'it''s', E'{\\\\\"x\"\\x3a 1}',"
        " ((md5(:n)))::uuid, 'plain');\n"
        "SELECT E'a\\x3ab';\n"
        "COMMIT;\n"
    )
