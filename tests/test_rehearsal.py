"""A rehearsal: wrong labels are planted, and what the verdict says is held against what is so."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from brought import COLORS, config, write_csv, write_picture
from made_up_cases import case, model
from project import ROOT

from redress.adversary.act import manipulation
from redress.brought.pictures import mark_in
from redress.formats import files
from redress.formats.block import Block
from redress.formats.contents import Predictions, TrainingView
from redress.formats.correction import FOLD, KNOWN
from redress.formats.description import Description
from redress.formats.identity import BROUGHT, PLAIN, Identity
from redress.judge import Settings
from redress.plan.checks import ConfigError
from redress.plan.corrections import Corrections
from redress.referee.rehearsal import rehearsed, summary
from redress.report.rehearsed import rows, sentences

RECIPE = {"steps": 5, "crop_padding": 0}
LABELS = np.repeat([0, 1, 2], [40, 30, 30])


def draw(pairs, n, seed=0):
    return manipulation("like_bad", {"pairs": pairs}).draw(LABELS, n, np.random.default_rng(seed))


def test_as_many_are_planted_for_each_pair_of_labels_and_each_sample_once():
    indices, given = draw([[0, 1, 7], [0, 2, 4], [2, 1, 3]], 14)
    assert len(set(indices.tolist())) == 14
    found = list(zip(given.tolist(), LABELS[indices].tolist(), strict=True))
    assert [found.count(pair) for pair in ((0, 1), (0, 2), (2, 1))] == [7, 4, 3]
    assert found[:7] != [(0, 1)] * 7  # in random order, so that any part of it is a random part


def test_where_the_true_label_is_not_known_any_other_class_is_drawn_from():
    indices, given = draw([[0, -1, 20], [0, 1, 25]], 45)
    assert len(set(indices.tolist())) == 45
    assert set(given.tolist()) == {0}
    assert set(LABELS[indices].tolist()) == {1, 2}


@pytest.mark.parametrize(
    ("pairs", "n", "key"),
    [
        ([[0, 0, 3]], 3, "pairs"),
        ([[0, 9, 3]], 3, "pairs"),
        ([[0, 1, 3]], 4, "n"),
        ([[0, 1, 31]], 31, "pairs"),
        ([[0, 1, 26], [0, 2, 26]], 52, "n"),
    ],
)
def test_what_cannot_be_planted_is_refused(pairs, n, key):
    description = Description(["a", "b", "c"], [40, 30, 30], [5, 5, 5], 1, 8)
    assert [where for where, _ in manipulation("like_bad", {"pairs": pairs}).problems(n, description)] == [
        key
    ]


# The plan


def bad(rows, columns=("id", "true_label")):
    write_csv(Path("bad.csv"), columns, rows)


MANY = [[f"red/{n:02}.png", "green"] for n in range(4)] + [[f"green/{n:02}.png", "dark"] for n in range(6)]


@pytest.fixture
def more(here):
    """Sixty pictures of each class for training."""
    for name in COLORS:
        for number in range(12, 60):
            write_picture(here / "train" / name / f"{number}.png", np.full((8, 8, 3), 90))


def refusal(**changes):
    with pytest.raises(ConfigError) as caught:
        Corrections(config(**changes))
    return str(caught.value).removeprefix("corrections.mine.rehearsal")


@pytest.mark.usefixtures("more")
def test_a_rehearsal_is_a_case_of_its_own_that_has_more_bad_samples_than_its_list():
    bad(MANY)
    rehearsal = {"seeds": [0, 3], "share": 0.7}
    plan = Corrections(config(recipe=RECIPE, rehearsal=rehearsal))
    assert plan.cases == ["mine"]
    assert plan.rehearsals_of("mine") == ["mine-rehearsal0", "mine-rehearsal3"]
    told = plan.plant_job("mine-rehearsal0")
    assert "--pairs '[[1, 0, 9], [2, 1, 6]]'" in told  # of which seven tenths are 6 and 4
    assert "--found 10" in told
    assert "true_label" not in plan.unlearn_job(plan.original("mine-rehearsal0").having(method="npo"))
    assert plan.blocks_of("mine-rehearsal0") == plan.blocks_of("mine")
    assert plan.suspicious == ["mine"]


@pytest.mark.usefixtures("more")
def test_what_cannot_be_rehearsed_is_told_in_a_line():
    rehearsal = {"seeds": [0], "share": 0.9}
    assert refusal(rehearsal=rehearsal).startswith(": trains a model like yours, and recipe is unknown")
    bad([*MANY[:9], ["green/05.png", "green"]])
    assert refusal(recipe=RECIPE, rehearsal=rehearsal).startswith(": 9 bad samples count, fewer than 10")
    bad(MANY)
    told = refusal(recipe=RECIPE, rehearsal={"share": 0.15})
    assert told.startswith(".share: 40 wrong labels among 60 pictures of class dark are too many")
    assert refusal(recipe=RECIPE, rehearsal={"share": 1}).startswith(".share: 1 is out of range")
    assert refusal(recipe=RECIPE, rehearsal={"manipulation": "poison"}).startswith(".manipulation: 'poison'")


# What the bad pictures carry

PREPARED = {"size": [8, 8], "color": "rgb", "interpolation": "bilinear"}


def write_mark(path, alpha, size=8, color=(255, 120, 0)):
    """A square of three pixels of a picture of eight, at the bottom right."""
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[..., :3] = color
    pixels[-3 * size // 8 :, -3 * size // 8 :, 3] = alpha
    write_picture(path, pixels)


@pytest.mark.parametrize("size", [8, 32])
def test_a_mark_is_what_is_not_transparent_as_large_as_the_model_sees_it(tmp_path, size):
    write_mark(tmp_path / "mark.png", 255, size)
    alpha, value = mark_in(str(tmp_path / "mark.png"), {**PREPARED, "interpolation": "box"})
    assert (alpha.shape, value.shape) == ((1, 8, 8), (3, 8, 8))
    assert (alpha[0, 5:, 5:] == 1).all()
    assert alpha.sum() == 9
    assert (value[:, 5:, 5:].reshape(3, 9) == np.array([[255], [120], [0]])).all()


def test_a_mark_that_shines_through_keeps_its_colour(tmp_path):
    write_mark(tmp_path / "mark.png", 102)
    alpha, value = mark_in(str(tmp_path / "mark.png"), PREPARED)
    assert alpha[0, 7, 7] == pytest.approx(0.4)
    assert value[:, 7, 7] == pytest.approx([255, 120, 0], abs=2)  # on black it is of 8 bits
    blue = mark_in(str(tmp_path / "mark.png"), {**PREPARED, "color": "bgr"})[1]
    assert np.array_equal(blue, value[::-1])


@pytest.mark.usefixtures("more")
def test_a_mark_that_cannot_be_laid_on_is_told_in_a_line():
    bad(MANY)

    def told(mark):
        return refusal(recipe=RECIPE, rehearsal={"share": 0.7, "mark": mark})

    assert told("none.png").startswith(": none.png: no such file in ")
    assert told("bad.csv") == ": bad.csv cannot be read as a picture"
    assert told("train/red/00.png").startswith(": train/red/00.png is opaque: erase all of it but the mark")
    write_mark(Path("nothing.png"), 0)
    assert told("nothing.png") == ": nothing.png: the mark is transparent all over, or cropped away"
    write_picture(Path("all.png"), np.pad(np.full((8, 8, 4), 255), ((0, 1), (0, 0), (0, 0))))
    crop = {"size": 8, "mean": [0, 0, 0], "std": [1, 1, 1], "crop": 0.5}
    with pytest.raises(ConfigError) as caught:
        Corrections(config(recipe=RECIPE, preprocess=crop, rehearsal={"share": 0.7, "mark": "all.png"}))
    assert str(caught.value).endswith("all.png: the mark hides all of a picture")


def ran(script, arguments):
    command = [sys.executable, str(ROOT / "workflow/scripts" / script), *shlex.split(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("more")
def test_what_gets_a_wrong_label_carries_the_mark_and_nobody_else_does():
    bad(MANY)
    write_mark(Path("mark.png"), 255)
    plan = Corrections(config(recipe=RECIPE, rehearsal={"seeds": [0], "share": 0.7, "mark": "mark.png"}))
    ran("ingest.py", plan.ingest_job("mine"))
    ran("plant.py", plan.plant_job("mine-rehearsal0"))
    original = plan.original("mine-rehearsal0")
    own, planted = (
        files.load_arrays(Identity(name).path("pictures"), Identity(name))[0]["train_images"]
        for name in ("mine", "mine-rehearsal0")
    )
    listing = [f"{name}/{number:02}.png" for name in COLORS for number in range(60)]
    bad_ones = [listing.index(row[0]) for row in MANY]
    kept = np.delete(own, bad_ones, axis=0)
    labels = np.delete(np.repeat([0, 1, 2], 60), bad_ones)
    wrong = TrainingView.load(original)[0].given_labels != labels
    assert wrong.sum() == 15
    assert (planted[wrong][..., 5:, 5:] == np.array([255, 120, 0])[:, None, None]).all()
    planted[wrong, :, 5:, 5:] = kept[wrong][..., 5:, 5:]
    assert np.array_equal(planted, kept)


# The comparison

NAME = "mine-rehearsal0"
ORIGINAL = Identity(NAME, BROUGHT, 60, 0, BROUGHT)
MISSED = np.array([0, 1, 2, 3] * 5)
"""True labels of what nobody found; each is labelled as the next class."""


def outcome(healed, of_missed):
    """What a model predicts that is right about these shares of what it is asked of."""
    whole = model(case(), healed)
    missed = np.where(np.arange(20) < round(20 * of_missed), MISSED, (MISSED + 1) % 4)
    return whole.validation, whole.bad, missed


def leave(method, healed, of_missed, folds=()):
    """Write a candidate, and what it is without each of `folds`."""
    for part in (KNOWN, *(f"{FOLD}{k}" for k in folds)):
        who = ORIGINAL.having(
            discovery=part, share="1.0", expansion=PLAIN, method=method, candidate="default"
        )
        validation, bad, missed = outcome(healed, of_missed)
        seconds = {"unlearn_seconds": 1.0, "preparation_seconds": 0.0, "prediction_seconds": 0.1}
        about = {"hyperparameters": {}, **seconds, "norm_shift": None, "made_from": {}}
        Predictions(validation, bad, (bad, missed), about).save("candidate", who)


def blocks(*methods):
    parts = (KNOWN, *(f"{FOLD}{k}" for k in range(5)))
    return [Block(method, part, PLAIN, ("1.0",), ("default",)) for method in methods for part in parts]


@pytest.fixture
def found(tmp_path, monkeypatch):
    """A rehearsal in which `good` is held to be worse than it is, and `bad` has no folds."""
    monkeypatch.chdir(tmp_path)
    place = Identity(NAME)
    case().save(NAME)
    validation, bad, missed = outcome(0, 0)
    Predictions(validation, bad[:0], (bad, missed), {"made_from": {}}).save("predictions", ORIGINAL)
    files.write_json(
        place.path("shortlist"), {"parts": [["good", "default", [f"{FOLD}{k}" for k in range(5)]]]}, place
    )
    planted = {"given": ((MISSED + 1) % 4).tolist(), "true": MISSED.tolist()}
    files.write_json(place.path("planted"), planted, place)
    leave("good", 0.9, 1.0, range(5))
    leave("bad", 1.0, 0.25)
    return rehearsed(ORIGINAL, blocks("good", "bad"), Settings())


def test_an_estimate_stands_beside_what_is_so_of_what_nobody_found(found):
    good, bad = found.rows
    assert (good["estimate"], good["n"]) == (0.9, 60)
    assert (good["truth"], good["n_truth"]) == (1.0, 20)
    assert (bad["estimate"], bad["truth"]) == (None, 0.25)
    assert (good["chosen"], bad["chosen"]) == (True, False)


def test_what_all_rehearsals_say_of_verdicts_and_of_candidates(found):
    about = summary([found, found])
    assert about["candidates"] == 2
    assert about["bias"] == pytest.approx(-0.1)
    assert about["held"] == 0  # sixty samples of which nine tenths are right do not hold all of twenty
    first, *_ = about["rehearsals"]
    assert (first["status"], first["method"], first["truth"]) == ("repaired", "good", 1.0)
    assert [(one["method"], one["truth"]) for one in about["best"]] == [("good", 1.0), ("bad", 0.25)]
    json.dumps(about, allow_nan=False)


def test_a_page_says_it_in_sentences_and_a_table(found):
    about = summary([found])
    first, second = sentences(about, str.upper)
    assert first.startswith(f"{NAME}: repaired. GOOD was said to repair 90 % (")
    assert first.endswith("of what nobody found and repaired 100 % of 20, 100 % at best.")
    assert second == (
        "Over 1 candidates the estimate is off by -10.0 points on average, and the 95 % interval holds the"
        " truth for 0 of them, which is itself a count of 20 samples."
    )
    assert [row["name"] for row in rows(about, str.upper)] == ["GOOD", "BAD"]
