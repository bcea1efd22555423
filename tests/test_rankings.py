"""The referee's measures of rankings: by hand, by pairs, and by scikit-learn's own figures."""

import numpy as np
import pandas as pd
import pytest
import tiny
from matplotlib.colors import to_rgba
from sklearn.metrics import average_precision_score, roc_auc_score

import suspects
from redress.formats.contents import DeletionSet, Truth
from redress.formats.errors import DamagedFileError
from redress.plan.overviews import overviews
from redress.referee.rankings import LEVELS, curve, of_ranking
from redress.report import ranked
from redress.report.figures import PAPER
from redress.report.paper import paper
from redress.report.shown import Overview
from redress.report.tables import curves_table, rankings_table

MANIPULATED = [3, 7, 4, 8, 20]
CELL = tiny.CELL.having(expansion="near")


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = tiny.Results(MANIPULATED, [2, 0, 0, 0, 0], [0, 1], [3, 5])
    results.deletion_set([8, 1])  # one of S_m and a false alarm
    return results


def grown(world, flagged, scores, cut, seal=None):
    about = {"seconds": 2.5, "made_from": {"deletion_set": seal or world.seal("deletion_set", tiny.CELL)}}
    scores = np.array(scores, dtype=np.float32)
    DeletionSet(np.array([8, 1, *flagged]), scores).save(CELL, {**about, "cut": cut})
    return of_ranking(CELL, Truth.load(tiny.RUN))


def test_a_ranking_by_hand(world):
    """Of 30 samples 28 are asked for, four of them manipulated, at places 1, 2, 4 and 28."""
    scores = np.zeros(30)
    scores[[3, 7, 11, 4]] = [9, 8, 7, 6]
    scores[8], scores[1], scores[20] = 99, 98, -1  # S_f counts nowhere
    cut = {"estimate": 6.0, "estimate_low": 4.0, "estimate_high": 9.0, "recall": 0.7, "labels_at_limit": 1}
    record = grown(world, [3, 7, 11], scores, cut)
    assert {name: record[name] for name in ("known", "left", "flagged", "precision", "recall")} == {
        "known": 2,
        "left": 4,
        "flagged": 3,
        "precision": 2 / 3,
        "recall": 2 / 4,
    }
    assert record["average_precision"] == pytest.approx((1 / 1 + 2 / 2 + 3 / 4 + 4 / 28) / 4)
    assert record["auroc"] == pytest.approx((24 + 24 + 23 + 0) / (4 * 24))
    assert (record["estimate_error"], record["estimate_holds"]) == (pytest.approx(1 / 5), True)
    assert (record["told_recall"], record["labels_at_limit"], record["seconds"]) == (0.7, 1, 2.5)
    assert record["curve"] == [1.0] * 10 + [pytest.approx(3 / 4)] * 5 + [pytest.approx(4 / 28)] * 5


def test_an_estimate_may_come_without_an_interval(world):
    record = grown(world, [3], np.arange(30), {"estimate": 4.0})
    assert record["estimate_error"] == pytest.approx(-1 / 5)
    assert (record["estimate_low"], record["estimate_holds"]) == (None, None)


def test_figures_are_scikit_learns_of_the_samples_that_were_not_known(world):
    scores = np.random.default_rng(0).normal(size=30)
    record = grown(world, [2], scores, {})
    asked = np.delete(np.arange(30), [1, 8])
    left = np.isin(asked, MANIPULATED)
    assert record["auroc"] == pytest.approx(roc_auc_score(left, scores[asked].astype(np.float32)))
    assert record["average_precision"] == pytest.approx(average_precision_score(left, scores[asked]))
    pairs = [s > t for s in scores[asked[left]] for t in scores[asked[~left]]]
    assert record["auroc"] == pytest.approx(np.mean(pairs))
    assert record["estimate"] is None and record["estimate_holds"] is None


def test_nothing_left_and_nothing_flagged_are_no_numbers(world):
    world.deletion_set(MANIPULATED)
    seal = world.seal("deletion_set", tiny.CELL)
    DeletionSet(np.array(MANIPULATED), np.zeros(30, np.float32)).save(
        CELL, {"seconds": 1, "made_from": {"deletion_set": seal}}
    )
    record = of_ranking(CELL, Truth.load(tiny.RUN))
    names = ("auroc", "average_precision", "precision", "recall", "curve")
    assert [record[name] for name in names] == [None] * 5


def test_a_set_grown_from_another_deletion_set_is_refused(world):
    with pytest.raises(DamagedFileError, match="grown from another deletion set"):
        grown(world, [2], np.zeros(30), {}, seal="another")


def test_curves_are_the_best_precision_of_longer_lists():
    draw = np.random.default_rng(1)
    left, scores = draw.random(40) < 0.3, draw.random(40)
    order = np.argsort(-scores)
    hits = np.cumsum(left[order])
    for level, precision in zip(LEVELS, curve(left, scores), strict=True):
        lists = [hits[n - 1] / n for n in range(1, 41) if hits[n - 1] >= level * left.sum() - 1e-9]
        assert precision == pytest.approx(max(lists))


def test_tables_have_a_row_a_ranking_and_a_row_a_recall(world):
    record = {**grown(world, [3], np.arange(30.0), {}), "attack": "took"}
    table, curves = rankings_table([record]), curves_table([record, {**record, "curve": None}])
    assert {"seal", "curve"}.isdisjoint(table.columns) and len(table) == 1
    assert list(curves["recall"]) == [round(0.05 * i, 2) for i in range(1, 21)]
    assert curves["precision"].tolist() == record["curve"]
    assert set(curves["expansion"]) == {"near"} and not curves["attack"].isna().any()
    assert isinstance(table, pd.DataFrame) and table["attack"].tolist() == ["took"]


# Figures

TOLD = {
    "manipulations": ["poison"],
    "discoveries": ["uniform"],
    "expansions": [("near", "neighbours"), ("filter", "matched_filter")],
}


def made_up(**columns):
    """Two seeds, shares and expansions; the attack of seed 1 took, that of seed 2 did not."""
    rows = [
        {"seed": seed, "deletion_fraction": share, "expansion": expansion, "attack": attack, **columns}
        for seed, attack in ((0, "took"), (1, "took"), (2, "failed"))
        for share in (0.1, 0.5)
        for expansion, _ in TOLD["expansions"]
    ]
    names = {"dataset": "digits", "manipulation": "poison", "n_manipulated": 60, "discovery": "uniform"}
    return pd.DataFrame(rows).assign(**names)


def lines(panel):
    return [line for line in panel.lines if len(line.get_xdata()) > 1]


def test_precision_over_recall_is_drawn_of_seeds_in_which_the_attack_took():
    curves = pd.concat([made_up(recall=0.5), made_up(recall=1.0)])
    near = curves["expansion"] == "near"
    curves["precision"] = np.where(near, 0.4, 0.8) + 0.1 * curves["seed"] - 0.2 * curves["recall"]
    with paper(**PAPER):
        figure = ranked.precision_over_recall(made_up(), curves, Overview("precision_recall", "digits", TOLD))
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == ["poison,\n10 % known", "poison,\n50 % known"]
    for panel in panels:
        drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in lines(panel)]
        assert [x for x, _ in drawn] == [[50, 100]] * 2
        assert [y for _, y in drawn] == [pytest.approx([35, 25]), pytest.approx([75, 65])]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["near", "matched filter (knows the attack)"]


def test_what_is_recovered_counts_what_was_known():
    """Of 60, 6 or 30 are known; half of the others are found."""
    rankings = made_up(recall=0.5)
    rankings["left"] = 60 - (60 * rankings["deletion_fraction"]).astype(int)
    overview = Overview("recovered", "digits", TOLD)
    with paper(**PAPER):
        (panel,) = ranked.recovered(rankings, made_up(recall=1, precision=1), overview).axes
    known, *drawn = [list(line.get_ydata()) for line in lines(panel)]
    assert known == pytest.approx([10, 50])
    assert drawn == [pytest.approx([55, 75])] * 2


def test_figures_of_rankings_come_with_expansions():
    uses = {"digits": {"poison": "poison"}}
    found = {"uniform": ("uniform", {})}
    assert not list(overviews(uses, found))
    drawn = dict(overviews(uses, found, {"near": "neighbours"}))
    assert list(drawn) == ["precision_recall_digits", "recovered_digits"]
    assert all(told["expansions"] == [("near", "neighbours")] for _, _, told in drawn.values())


def test_a_sheet_shows_what_is_ranked_first_of_what_was_not_known():
    scores = np.array([9, 8, 7, 6, 5, 4, 3, 2, 1, 0.5, 0.2, 0.1, 0])
    first = suspects.first_of(scores, np.array([0, 2]))
    assert first.tolist() == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    pictures = np.arange(10 * 36, dtype=np.uint8).reshape(10, 1, 6, 6)
    hits = np.arange(10) % 3 > 0
    with paper():
        figure = suspects.sheet("title", {"near": (pictures, ["four"] * 10, hits)})
        figure.canvas.draw()
    for panel, picture, hit in zip(figure.axes, pictures, hits, strict=True):
        assert (panel.images[0].get_array() == picture[0]).all()
        assert panel.get_xlabel() == ("four\nmanipulated" if hit else "four\nclean")
        color = to_rgba(suspects.HIT if hit else suspects.MISS)
        assert {spine.get_edgecolor() for spine in panel.spines.values()} == {color}
