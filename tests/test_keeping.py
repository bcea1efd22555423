"""Keeping the weights of what was selected: made again, checked against its record, and only where needed."""

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny

from redress.adversary.act import act
from redress.adversary.discovery import discover
from redress.developer import candidate_job, keeping
from redress.developer.candidate_job import CandidateJob
from redress.developer.keeping import keep_selected
from redress.developer.making import make_original
from redress.formats import files
from redress.formats.candidates import candidate_name
from redress.formats.errors import BadInputError, DamagedFileError

USES = {"manipulation": "poison", "maker": "standard", "discovery": "uniform", "method": "cf"}
CELL = tiny.CELL.having(method="fine-tuning")
MODEL = Path(CELL.path("model"))
GRID = [{"steps": 1}, {"steps": 2}]


def select(name):
    selections = [{"cell": tiny.CELL.having(method="other").names, "selected": "x", "expansion": "none"}]
    selections.append({"cell": CELL.names, "selected": name, "expansion": "none"})
    files.write_json(CELL.path("selection"), {"selections": selections}, CELL.original)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two candidates of one method."""
    folder = tmp_path_factory.mktemp("run")
    with contextlib.chdir(folder):
        tiny.prepare()
        done = act(tiny.RUN, "poison", {})
        done.save(tiny.RUN, {})
        make_original(tiny.ORIGINAL, USES, tiny.SETUP, {}, tiny.PROVENANCE)
        discover(tiny.CELL, USES, {}).save(tiny.CELL, {})
        job = CandidateJob(CELL, USES, tiny.SETUP, tiny.PROVENANCE)
        for values in GRID:
            job.run(values)[1].save("candidate", CELL.having(candidate=candidate_name(values)))
        select("steps=2")
    return folder


@pytest.fixture(autouse=True)
def folder(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")


def keep():
    return keep_selected(CELL, USES, tiny.SETUP, tiny.PROVENANCE)


def test_the_selected_models_weights_are_kept():
    assert keep() == "kept the weights of steps=2"
    model, _ = CandidateJob(CELL, USES, tiny.SETUP, tiny.PROVENANCE).run(GRID[1])
    arrays, about = files.load_arrays(MODEL, CELL)
    assert all(np.array_equal(arrays[name], value.numpy()) for name, value in model.state_dict().items())
    assert about["hyperparameters"] == {"steps": 2}


def test_a_file_that_holds_them_is_left_alone(monkeypatch):
    keep()
    before, status = MODEL.read_bytes(), MODEL.stat()
    monkeypatch.setattr(keeping, "CandidateJob", None)  # nothing is made again
    assert keep() == "the weights of steps=2 are there already"
    assert MODEL.read_bytes() == before
    assert MODEL.stat().st_mtime_ns >= status.st_mtime_ns


@pytest.mark.parametrize("change", ["another selection", "another record", "damage"])
def test_any_other_file_is_made_anew(change):
    keep()
    if change == "another selection":
        select("steps=1")
    elif change == "another record":
        again = CandidateJob(CELL, USES, tiny.SETUP, {**tiny.PROVENANCE, "started": "later"})
        again.run(GRID[1])[1].save("candidate", CELL.having(candidate="steps=2"))
    else:
        MODEL.write_bytes(MODEL.read_bytes()[:-1])
    assert keep().startswith("kept the weights of")
    assert keep().endswith("are there already")


@pytest.mark.parametrize("part", ["validation", "deletion", "probe2"])
def test_a_model_that_predicts_otherwise_is_not_kept(part):
    who = CELL.having(candidate="steps=2")
    arrays, about = files.load_arrays(who.path("candidate"), who)
    arrays[part][0] += 1
    files.save_arrays(who.path("candidate"), arrays, about, who)
    with pytest.raises(BadInputError) as caught:
        keep()
    assert f"predicts otherwise than {who.path('candidate')}" in str(caught.value)
    assert not MODEL.exists()


def test_where_all_have_diverged_the_file_says_so():
    select(None)
    assert "every candidate diverged" in keep()
    assert files.load_arrays(MODEL, CELL)[0] == {}


def test_a_selection_without_the_deletion_set_is_named():
    files.write_json(CELL.path("selection"), {"selections": []}, CELL.original)
    with pytest.raises(DamagedFileError, match=r"selection\.json: has no selection for "):
        keep()


def test_a_method_gets_a_block_of_its_own_name(monkeypatch):
    loaded, load = [], candidate_job.load_anew
    monkeypatch.setattr(candidate_job, "load_anew", lambda *names: loaded.append(names) or load(*names))
    keep()
    assert loaded == [("methods", "cf")]
