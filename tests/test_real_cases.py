"""Networks of timm, torchvision and somebody's own, pictures as people keep them, all through `correct`."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
import yaml
from brought import write_csv, write_picture
from owners import CLASSES, FOUND, NET, TRAINING, VALIDATION, Owner, own_net
from project import Project
from safetensors.torch import load_file, save_file

pytestmark = pytest.mark.xdist_group("real cases")  # one worker corrects for all

OWNERS = {
    "timm": Owner(lambda: timm.create_model("resnet18", num_classes=3), 64),
    "torchvision": Owner(lambda: torchvision.models.resnet18(num_classes=3), 32),
    "own": Owner(own_net, 224, channels=1),
}
HALF = {"mean": [0.5] * 3, "std": [0.5] * 3}
BLOCKS = {
    "timm": {
        "training": {"manifest": "Meine Bilder/Liste für alle.csv", "split": "train"},
        "validation": {"manifest": "Meine Bilder/Liste für alle.csv", "split": "val"},
        "bad": "Meine Bilder/schlechte, gefundene.txt",
        "model": {"factory": "timm:resnet18", "weights": "Meine Bilder/Gewichte (größer).safetensors"},
        "preprocess": {"size": 64, **HALF},
    },
    "torchvision": {
        "training": {"folder": "grey/train"},
        "validation": {"folder": "grey/val"},
        "bad": "grey/bad.txt",
        "model": {"factory": "torchvision:resnet18", "weights": "grey/last.ckpt"},
        "preprocess": {"size": 32, **HALF},
    },
    "own": {
        "training": {"folder": "large/train"},
        "validation": {"folder": "large/val"},
        "bad": "large/bad.csv",
        "model": {"factory": "net.py:Net", "arguments": {"classes": 3, "width": 8}, "weights": "large/w.pt"},
        "preprocess": {"size": 224, "color": "grey"},
    },
}
METHODS = {
    "delete": {"grid": {"learning_rate": 0.001, "steps": 10}},
}
ROUNDED = 1e-9


def write(folder: Path, name: str, owner: Owner) -> dict[str, torch.Tensor]:
    """Pictures, list and weights as this owner keeps them; returns the weights."""
    pictures, given, bad = owner.training_set()
    clean, true = owner.pictures(poisoned=False)
    held = slice(TRAINING, TRAINING + VALIDATION)
    pictures, labels = np.concatenate([pictures, clean[held]]), np.concatenate([given, true[held]])
    top = {"timm": "Meine Bilder", "torchvision": "grey", "own": "large"}[name]
    ids, rows = [], []
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        part = "train" if number < TRAINING else "val"
        if name == "timm":
            ids.append(f"Nr. {number:03}")
            path = f"Fotos/{CLASSES[label]}/ein schönes Bild, {number}.png"
            rows.append([ids[-1], path, CLASSES[label], part])
        else:
            ids.append(f"{CLASSES[label]}/{number:03}.png")
            path = f"{part}/{ids[-1]}"
        write_picture(folder / top / path, picture)
    if name == "timm":
        write_csv(folder / top / "Liste für alle.csv", ["id", "path", "label", "split"], rows)
    found = bad[:FOUND]
    listed = folder / BLOCKS[name]["bad"]
    if name == "own":
        write_csv(listed, ["id", "true_label"], [[ids[one], CLASSES[true[one]]] for one in found])
    else:
        listed.write_text("\n".join(ids[one] for one in found), encoding="utf-8")
    weights = owner.train().state_dict()
    path = folder / BLOCKS[name]["model"]["weights"]
    if name == "timm":
        save_file(weights, path)
    elif name == "torchvision":
        torch.save({"state_dict": {f"module.{key}": one for key, one in weights.items()}, "epoch": 1}, path)
    else:
        torch.save(weights, path)
    return weights


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    """A project in which all three were corrected by one command, and the weights that were brought.

    What so small heads pay for a repair is much: that they are taken nonetheless is what is tolerated here.
    """
    project = Project.copy(tmp_path_factory.mktemp("cases"))
    (project.folder / "net.py").write_text(NET)
    brought = {name: write(project.folder, name, owner) for name, owner in OWNERS.items()}
    judge = {"folds": 2, "shortlist": 2, "utility_tolerance": 0.6}
    cases = {name: {**block, "recipe": "unknown", "judge": judge} for name, block in BLOCKS.items()}
    config = yaml.safe_dump({"corrections": cases, "methods": METHODS}, allow_unicode=True)
    (project.folder / "mine.yaml").write_text(config, encoding="utf-8")
    project.snakemake("correct", "--configfile", "mine.yaml")
    return project, brought


def check(owner, model, row):
    """That the model is, by the owner's own code, what the row of candidates.csv says of it."""
    (clean, true), (pictures, given, bad) = owner.pictures(poisoned=False), owner.training_set()
    held, found = slice(TRAINING, TRAINING + VALIDATION), bad[:FOUND]
    useful = (owner.predicted(model, clean[held]) == true[held]).mean()
    escaped = (owner.predicted(model, pictures[found]) == given[found]).mean()
    assert useful == pytest.approx(float(row["utility"]), abs=2 / VALIDATION + ROUNDED)
    assert escaped == pytest.approx(float(row["in_sample_escape"]), abs=1 / FOUND + ROUNDED)


def candidates(results):
    with (results / "candidates.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("name", OWNERS)
def test_the_model_that_was_judged_is_the_one_that_was_brought(corrected, name):
    project, brought = corrected
    model = OWNERS[name].make()
    model.load_state_dict(brought[name])
    original, *others = candidates(project.folder / "results/corrections" / name)
    check(OWNERS[name], model, original)
    assert float(original["in_sample_escape"]) > 0.9
    assert {row["method"] for row in others} == METHODS.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "prefix"), [("timm", ""), ("torchvision", "module.")])
def test_repaired_weights_are_loaded_by_code_that_knows_nothing_of_redress(corrected, name, prefix):
    results = corrected[0].folder / "results/corrections" / name
    verdict = json.loads((results / "verdict.json").read_text())
    assert verdict["status"] in ("repaired", "partly repaired"), verdict["reasons"]
    weights, model = load_file(results / "repaired.safetensors"), OWNERS[name].make()
    assert all(key.startswith(prefix) for key in weights)
    model.load_state_dict({key.removeprefix(prefix): one for key, one in weights.items()})
    (chosen,) = [row for row in candidates(results) if row["chosen"] == "True"]
    check(OWNERS[name], model, chosen)
    assert float(chosen["in_sample_escape"]) < 0.8


@pytest.mark.slow
def test_their_pages_call_pictures_and_classes_as_their_owners_do(corrected):
    project, _ = corrected
    for name in OWNERS:
        results = project.folder / "results/corrections" / name
        assert "größer &amp; anders" in (results / "report.html").read_text(encoding="utf-8")
        assert "load_state_dict" in (results / "MODEL_CARD.md").read_text(encoding="utf-8")
    held = (project.folder / "results/corrections/timm/heldout.csv").read_text(encoding="utf-8")
    assert "Nr. 0" in held
