"""What a result is and where it is kept: one place for each, and nothing else is taken from there."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from redress.formats import identity as module
from redress.formats.contents import DeletionSet, Predictions, Probes, TrainingView
from redress.formats.errors import DamagedFileError
from redress.formats.files import load_arrays, read_json, save_arrays, write_json
from redress.formats.identity import PLACES, Identity

FULL = Identity(
    "d", "m", 60, 3, "standard", "uniform", "0.5", "none", "ssd", "alpha=1", "fisher", "training_set", "bound"
)
RUN = "results/runs/d/m/n60/seed3"

# As documented, written down a second time.
PATHS = {
    "pictures": "results/data/d.safetensors",
    "true_labels": "results/truth/d/labels.safetensors",
    "truth": "results/truth/d/m/n60/seed3.safetensors",
    "case": "results/truth/d/case.json",
    "notes": "results/truth/d/notes.json",
    "planted": "results/truth/d/planted.json",
    **{
        kind: f"results/corrections/d/{kind}.json"
        for kind in ("afforded", "shortlist", "checks", "choice", "rehearsal", "verdict")
    },
    "checked": "results/corrections/d/checks.txt",
    "repaired": "results/corrections/d/repaired.safetensors",
    "suspected": "results/corrections/d/suspected.safetensors",
    "training_set": f"{RUN}/training_set.safetensors",
    "probes": f"{RUN}/probes.safetensors",
    "original": f"{RUN}/standard/original.safetensors",
    "predictions": f"{RUN}/standard/predictions.safetensors",
    "training_log": f"{RUN}/standard/training_log.safetensors",
    "bound": f"{RUN}/bounds/bound.safetensors",
    "deletion_set": f"{RUN}/standard/deletion_sets/none/uniform/0.5.safetensors",
    "suspects": f"{RUN}/standard/deletion_sets/none/uniform/0.5.suspects.csv",
    "importance": f"{RUN}/standard/importance/fisher/training_set.safetensors",
    "candidate": f"{RUN}/standard/unlearn/ssd/uniform/0.5/alpha=1.safetensors",
    "selection": f"{RUN}/standard/selection.json",
    "measures": f"{RUN}/standard/measures.json",
    "model": f"{RUN}/standard/models/ssd/uniform/0.5.safetensors",
}

OF_CORRECTION = (
    *("case", "planted", "notes", "afforded", "shortlist", "checks", "choice", "verdict"),
    *("checked", "repaired", "suspected", "rehearsal"),
)

# The names that each kind of result has. A method's block says which expansion it runs on.
NAMES = {
    "pictures": ("dataset",),
    "true_labels": ("dataset",),
    **dict.fromkeys(OF_CORRECTION, ("dataset",)),
    **dict.fromkeys(("truth", "training_set", "probes"), module.OF_RUN),
    **dict.fromkeys(("original", "predictions", "training_log", "selection", "measures"), module.OF_ORIGINAL),
    "bound": module.OF_BOUND,
    "deletion_set": module.OF_DELETION_SET,
    "suspects": module.OF_DELETION_SET,
    "importance": module.OF_IMPORTANCE,
    "candidate": (*module.OF_ORIGINAL, "discovery", "share", "method", "candidate"),
    "model": (*module.OF_ORIGINAL, "discovery", "share", "method"),
}


def test_every_kind_of_result_has_its_documented_place():
    assert {kind: FULL.path(kind) for kind in PLACES} == PATHS


def test_only_the_truth_lies_in_the_folder_of_the_truth():
    assert {kind for kind in PLACES if "truth" in PLACES[kind]} == {
        *("true_labels", "truth", "case", "planted", "notes"),
    }


@pytest.mark.parametrize("kind", PLACES)
def test_two_results_never_share_a_path(kind):
    other = {"n": 61, "seed": 4}
    choices = [(getattr(FULL, name), other.get(name, f"{getattr(FULL, name)}x")) for name in NAMES[kind]]
    identities = [
        FULL.having(**dict(zip(NAMES[kind], one, strict=True))) for one in itertools.product(*choices)
    ]
    assert len({identity.path(kind) for identity in identities}) == 2 ** len(NAMES[kind])


def test_a_path_says_its_kind():
    assert {kind: FULL.kind_at(Path(path)) for kind, path in PATHS.items()} == {kind: kind for kind in PATHS}
    assert FULL.kind_at("results/elsewhere.safetensors") is None
    assert FULL.having(seed=4).kind_at(PATHS["original"]) is None


def test_parts_of_an_identity_name_what_came_before():
    assert FULL.run == Identity("d", "m", 60, 3)
    assert FULL.original == Identity("d", "m", 60, 3, "standard")
    assert FULL.original.names == {
        "dataset": "d",
        "manipulation": "m",
        "n": 60,
        "seed": 3,
        "maker": "standard",
    }
    assert FULL.fraction == 0.5
    assert FULL.original.fraction is None
    assert Identity("d", "m", "60", "3") == FULL.run  # as wildcards give them
    assert FULL.seeded_by("poison") == ("d", "poison", 60, 3)


# A sound file in another's place


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


CANDIDATE = FULL.having(importance=None, over=None, bound=None)
DELETION = CANDIDATE.having(method=None, candidate=None)
OTHERS = [
    ("seed", 4, "seed 4, not 3"),
    ("n", 80, "n 80, not 60"),
    ("maker", "given", "maker given, not standard"),
    ("share", "1.0", "share 1.0, not 0.5"),
    ("discovery", "biased", "discovery biased, not uniform"),
    ("candidate", "alpha=2", "candidate alpha=2, not alpha=1"),
    ("method", "eu", "method eu, not ssd"),
    ("expansion", "near", "expansion near, not none"),
    ("dataset", "e", "dataset e, not d"),
    ("manipulation", "o", "manipulation o, not m"),
]


def predictions():
    return Predictions(np.arange(2), np.arange(3), (np.arange(4),), {"made_from": {}})


@pytest.mark.parametrize(("name", "value", "said"), OTHERS)
def test_another_results_file_in_a_place_is_refused_with_both_named(name, value, said):
    other = CANDIDATE.having(**{name: value})
    predictions().save("candidate", other)
    assert Predictions.load("candidate", other).probes[0].tolist() == [0, 1, 2, 3]
    place = Path(CANDIDATE.path("candidate"))
    place.parent.mkdir(parents=True, exist_ok=True)
    if name != "expansion":  # the method says which
        shutil.copy(other.path("candidate"), place)
    with pytest.raises(DamagedFileError) as caught:
        Predictions.load("candidate", CANDIDATE)
    assert str(place) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_differences_are_all_named():
    DeletionSet(np.arange(3)).save(DELETION.having(seed=4, share="1.0"), {})
    place = Path(DELETION.path("deletion_set"))
    place.parent.mkdir(parents=True)
    shutil.copy(DELETION.having(seed=4, share="1.0").path("deletion_set"), place)
    with pytest.raises(DamagedFileError, match=r"seed 4, not 3, share 1\.0, not 0\.5"):
        DeletionSet.load(CANDIDATE)


@pytest.mark.parametrize(
    ("kind", "wrong", "load"),
    [
        ("training_set", "probes", TrainingView.load),
        ("probes", "training_set", Probes.load),
        ("original", "predictions", lambda who: load_arrays(who.path("original"), who.original)),
        ("predictions", "original", lambda who: Predictions.load("predictions", who.original)),
    ],
)
def test_another_kind_of_the_same_results_is_refused(kind, wrong, load):
    who = FULL.run if kind in ("training_set", "probes") else FULL.original
    save_arrays(who.path(wrong), {"a": np.arange(3)}, {}, who)
    Path(who.path(wrong)).rename(who.path(kind))
    with pytest.raises(DamagedFileError, match=f"holds other results: {wrong}"):
        load(who)


def test_a_result_with_other_names_is_not_of_the_kind_that_belongs_there():
    save_arrays("a.safetensors", {"a": np.arange(3)}, {}, FULL.run)
    write_json("a.json", {"a": 1}, FULL.run)
    for load in (load_arrays, read_json):
        with pytest.raises(DamagedFileError, match="is not the kind of result that belongs here"):
            load(Path("a.json" if load is read_json else "a.safetensors"), FULL.original)


def test_a_json_file_of_another_result_is_refused_with_both_named():
    write_json(FULL.having(seed=4).path("selection"), {"selections": []}, FULL.original.having(seed=4))
    place = Path(FULL.path("selection"))
    place.parent.mkdir(parents=True)
    shutil.copy(FULL.having(seed=4).path("selection"), place)
    with pytest.raises(DamagedFileError, match=r"selection\.json: .*: seed 4, not 3; delete it"):
        read_json(place, FULL.original, "selections")


def test_predictions_say_what_they_were_made_from():
    made = Predictions(np.arange(2), np.arange(0), (), {"made_from": {"pictures": "aa", "original": "bb"}})
    made.check_made_from("candidate", CANDIDATE, {"pictures": "aa"})
    with pytest.raises(DamagedFileError) as caught:
        made.check_made_from(
            "candidate", CANDIDATE, {"pictures": "aa", "original": "cc", "deletion_set": "dd"}
        )
    assert str(caught.value).startswith(PATHS["candidate"])
    assert f"was made from another {PATHS['original']} and {PATHS['deletion_set']};" in str(caught.value)
