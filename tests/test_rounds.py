"""What is remembered of lists that were judged before, and what a page says of it."""

import csv

import pytest
from made_up_cases import candidate, case, model

from redress.judge import Settings, judge
from redress.judge.rounds import Round, rounds
from redress.report.correction import About, Correction

SUSPECTS = {"bad_samples_in_all": {"estimate": 80.4, "low": 61.2, "high": 98.9, "level": 0.95}}


def judgement(m=60, healed=0.9):
    """Of a list of so many, with one candidate that heals this share of them."""
    the_case = case(m)
    return judge(the_case, model(the_case, 0.0), [candidate(the_case, "npo", healed)], Settings())


def of(name, m=60, suspects=SUSPECTS, **fate):
    return Round.of(name, m, "npo", judgement(m, **fate), suspects)


def page(*told):
    the_case = case()
    own = [candidate(the_case, "ssd", 0.9)]
    original = model(the_case, 0.0)
    about = About("mine", {}, rounds=told)
    return Correction(
        the_case, original, own, judge(the_case, original, own, Settings()), Settings(), about
    ).page()


def test_each_list_is_a_row_in_the_order_of_lists_and_one_judged_again_keeps_its_place(tmp_path):
    path = tmp_path / "rounds.csv"
    first, second = of("a" * 64, 40, suspects=None, healed=0.5), of("b" * 64)
    assert rounds(path, first) == [first]
    assert rounds(path, second) == [first, second]
    better = of("a" * 64, 40, healed=0.75)
    assert rounds(path, better) == [better, second]
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["bad_samples"], float(row["repair"]), row["method"]) for row in rows] == [
        ("40", 0.75, "npo"),
        ("60", 0.9, "npo"),
    ]
    assert [row["in_all"] for row in rows] == ["80.4", "80.4"]


def test_a_list_too_short_to_be_judged_is_a_round_too(tmp_path):
    path = tmp_path / "rounds.csv"
    short = of("a" * 64, 5)
    assert (short.status, short.repair, short.repair_n) == ("cannot be judged", None, 0)
    assert rounds(path, short) == rounds(path, short) == [short]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"bad_list,bad_samples\nx,y\n"])
def test_a_file_that_says_nothing_is_begun_anew(tmp_path, content):
    path = tmp_path / "rounds.csv"
    path.write_bytes(content)
    now = of("a" * 64)
    assert rounds(path, now) == [now]


def test_a_page_shows_rounds_where_there_were_several():
    first, second = of("a" * 64, 40, healed=0.5), of("b" * 64, suspects=None)
    assert 'id="rounds"' not in page() and 'id="rounds"' not in page(first)
    shown = page(first, second)
    assert 'id="rounds"' in shown and "80 (61 to 99)" in shown
    assert "50 % (35 to 65 %, n = 40)" in shown
    assert shown.count("data:image/png;base64,") == page(first).count("data:image/png;base64,") + 1
    short = of("c" * 64, 5)
    assert page(first, short).count("data:image/png;base64,") == page(first).count("data:image/png;base64,")
