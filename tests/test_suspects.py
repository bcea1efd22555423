"""Whom to look at next: which samples are listed, in which order, and what is said of them."""

import io

import numpy as np
import pytest
from PIL import Image

from redress.developer.suspecting import copies_of, first_of, recall_at, suggested
from redress.formats.identity import Identity
from redress.formats.suspected import NONE, Suspected
from redress.report.suspected import SIDE, rows, sentence, shown, summary

SCORES = np.array([0.5, 0.1, 0.9, 0.3, 0.0, 0.3, 0.2])
KNOWN = np.array([2, 6])
NOBODY = np.zeros(7, bool)
CLASSES = ["bird", "cat", "Grün & Rot"]


def test_the_list_is_the_first_of_the_ranking_and_never_holds_what_is_known():
    samples, ranks = first_of(SCORES, KNOWN, 3, NOBODY, calibrated=True)
    assert (samples.tolist(), ranks.tolist()) == ([0, 3, 5], [1, 2, 3])
    samples, ranks = first_of(SCORES, KNOWN, 9, NOBODY, calibrated=True)
    assert samples.tolist() == [0, 3, 5, 1]  # of sample 4 the ranking says nothing
    assert first_of(SCORES, KNOWN, 9, NOBODY, calibrated=False)[0].tolist() == [0, 3, 5, 1, 4]


def test_a_copy_is_listed_whatever_its_rank_and_keeps_it():
    copied = copies_of(KNOWN, np.array([7, 8, 9, 7, 9, 8, 9]))
    assert copied.tolist() == [NONE, NONE, NONE, NONE, 2, NONE, NONE]
    samples, ranks = first_of(SCORES, KNOWN, 1, copied != NONE, calibrated=True)
    assert (samples.tolist(), ranks.tolist()) == ([0, 4], [1, 5])


def test_recall_is_the_share_of_held_out_bad_samples_that_a_list_reaches():
    assert recall_at(SCORES, KNOWN, np.array([0.95, 0.5, 0.2, 0.0]), True).tolist() == [
        0,
        1 / 3,
        2 / 3,
        2 / 3,
    ]
    assert np.isnan(recall_at(SCORES, KNOWN, np.array([0.5]), False)).all()


def test_recall_is_what_a_list_finds_of_samples_that_nobody_knew():
    """Of 300 bad samples among 3000 a random third is known: scores of held-out ones are like the others'."""
    draws = np.random.default_rng(0)
    bad = draws.permutation(3000)[:300]
    scores = draws.random(3000) / 2
    scores[bad] += draws.random(300) / 2
    known, missed = bad[:100], bad[100:]
    for number in (100, 300, 900):
        listed, _ = first_of(scores, known, number, np.zeros(3000, bool), calibrated=True)
        expected = recall_at(scores, known, scores[listed[-1:]], calibrated=True)[0]
        assert expected == pytest.approx(np.isin(missed, listed).mean(), abs=0.1)


def test_what_is_suggested_is_what_speaks_against_the_given_label_the_repaired_model_first():
    given = np.array([0, 0, 0, 0, 0])
    repaired = np.array([1, 0, 0, NONE, NONE])
    by_features = np.array([2, 2, 0, 2, 0])
    assert suggested(given, repaired, by_features).tolist() == [1, 2, NONE, 2, NONE]


def listed(**changes):
    parts = {
        "samples": np.array([0, 3, 4]),
        "ranks": np.array([1, 2, 5]),
        "scores": np.array([0.5, 0.3, 0.0], np.float32),
        "flagged": np.array([True, False, False]),
        "original": np.array([0, 1, 1]),
        "repaired": np.array([2, 1, 1]),
        "suggested": np.array([2, NONE, NONE]),
        "copied": np.array([NONE, NONE, 2]),
        "recall": np.array([0.25, 0.5, 0.9]),
    }
    return Suspected(**{**parts, **changes})


IDS = [f"cat/{n}, größer.png" for n in range(7)]
GIVEN = np.array([0, 1, 0, 1, 1, 0, 2])


def table(one):
    return list(rows(one, IDS, [f"train/{name}" for name in IDS], GIVEN, CLASSES))


def test_a_row_says_who_it_is_what_is_thought_of_it_and_why():
    first, second, third = table(listed())
    assert first == {
        "id": IDS[0],
        "path": f"train/{IDS[0]}",
        "is_label_issue": True,
        "label_score": "0.000000",
        "given_label": "bird",
        "original_prediction": "bird",
        "repaired_prediction": "Grün & Rot",
        "suggested_label": "Grün & Rot",
        "score": "0.5",
        "rank": 1,
        "reasons": "looks like the bad ones; the repaired model disagrees",
        "fold_recall": "0.2500",
    }
    assert (second["reasons"], second["suggested_label"]) == ("", "")
    assert third["reasons"] == f"copy of {IDS[2]}"
    assert third["rank"] == 5


def test_without_a_repaired_model_or_held_out_samples_cells_are_empty():
    nobody = np.full(3, NONE)
    first, *_ = table(listed(repaired=nobody, original=np.array([1, 1, 1]), recall=np.full(3, np.nan)))
    assert (first["repaired_prediction"], first["fold_recall"]) == ("", "")
    assert first["reasons"] == "looks like the bad ones; the original model disagrees"


CUT = {"estimate": 6.0, "estimate_low": 3.0, "estimate_high": 11.0}


def test_how_many_bad_samples_there_may_be_is_said_with_an_interval_or_not_at_all():
    about = summary(listed(), CUT)
    assert about["bad_samples_in_all"] == {"estimate": 6, "low": 3, "high": 11, "level": 0.95}
    assert about["fold_recall"] == 0.5  # down to the last before the copy, which is far below
    assert (about["listed"], about["flagged"]) == (3, 1)
    assert "about 6 bad samples (3 to 11 at 95 %), of which 2 are on the list" in sentence(about, 2)
    for cut in ({}, {"estimate": 6.0}):  # `mixture` has no interval
        silent = summary(listed(), cut)
        assert (silent["bad_samples_in_all"], silent["fold_recall"], sentence(silent, 2)) == (None, None, "")


@pytest.mark.parametrize(("channels", "color", "seen"), [(1, "grey", 200), (3, "bgr", (30, 20, 10))])
def test_pictures_are_shown_small_and_in_their_colours(channels, color, seen):
    images = np.zeros((7, channels, 2 * SIDE, SIDE), np.uint8)
    images[0] = np.array([10, 20, 30] if channels == 3 else [200])[:, None, None]
    first, *others = shown(listed(), table(listed()), images, color)
    picture = Image.open(io.BytesIO(first.png))
    assert picture.size == (SIDE // 2, SIDE)
    assert picture.getpixel((0, 0)) == seen
    assert (
        first.words == "given bird, perhaps Grün & Rot. Looks like the bad ones; the repaired model disagrees"
    )
    assert [one.id for one in others] == [IDS[3], IDS[4]]


def test_the_file_of_a_list_holds_the_list(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listed().save(Identity("mine"), {"cut": CUT})
    found, about = Suspected.load(Identity("mine"))
    assert about["cut"] == CUT
    assert table(found) == table(listed())
