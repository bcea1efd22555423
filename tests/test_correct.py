"""A model trained outside Redress, corrected by one command, against a truth that only this file knows."""

import csv
import json
import sys

import pytest
import torch
import yaml
from project import ROOT, Project
from safetensors import safe_open
from safetensors.torch import load_file

sys.path.insert(0, str(ROOT / "docs/correct-example"))
import train

CONFIG = "config/correct-example.yaml"


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    """A project in which the example has been trained and corrected."""
    project = Project.copy(tmp_path_factory.mktemp("corrected"))
    train.write(project.folder / "data/correct-example")
    project.snakemake("correct", "--configfile", CONFIG)
    return project


GROWN = """
expansions:
  neighbours: {recall: 0.5}
"""


def table(path):
    """The rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def network(weights):
    """The owner's network with these weights, loaded as its owner would."""
    model = train.SmallNet()
    model.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()})
    return model.eval()


def accuracy(model, pictures, labels):
    """Share of pictures (N, 16, 16) for which the network says the true label."""
    with torch.inference_mode():
        return float((model(train.normalised(pictures)).argmax(1).numpy() == labels).mean())


@pytest.mark.slow
def test_the_repaired_weights_are_repaired_and_the_verdict_says_so(corrected):
    brought = corrected.folder / "data/correct-example"
    results = corrected.folder / "results/corrections/digits"
    verdict = json.loads((results / "verdict.json").read_text())
    before = torch.load(brought / "weights.pt", weights_only=True)
    after = load_file(results / "repaired.safetensors")
    assert {name: value.shape for name, value in after.items()} == {
        name: value.shape for name, value in before.items()
    }
    pictures, labels = train.digits()
    unseen, true = pictures[train.TRAINING + train.VALIDATION :], labels[train.TRAINING + train.VALIDATION :]
    marked, wanted = train.stamped(unseen)[true != train.TARGET], true[true != train.TARGET]
    models = network(before), network(after)
    clean, triggered = (
        [accuracy(model, *one) for model in models] for one in ((unseen, true), (marked, wanted))
    )
    assert triggered[0] < 0.1 < 0.6 < triggered[1]
    assert clean[1] > clean[0] - 0.05
    assert verdict["status"] in ("repaired", "partly repaired")
    truth = {row["id"]: int(row["true_label"]) for row in table(brought / "truth.csv")}
    listed = {row["id"] for row in table(brought / "bad.csv")}
    missed = [int(name[-8:-4]) for name in truth.keys() - listed]
    assert len(missed) == train.POISONED - train.FOUND
    healed = accuracy(models[1], train.stamped(pictures[missed]), labels[missed])
    assert verdict["repair"]["low"] - 0.05 <= healed <= verdict["repair"]["high"] + 0.05


@pytest.mark.slow
def test_what_comes_out_says_where_it_comes_from_and_nothing_brought_was_changed(corrected, tmp_path):
    brought = corrected.folder / "data/correct-example"
    results = corrected.folder / "results/corrections/digits"
    with safe_open(results / "repaired.safetensors", framework="numpy") as file:
        about = file.metadata()
    verdict = json.loads((results / "verdict.json").read_text())
    assert about["method"] == verdict["method"]
    assert json.loads(about["hyperparameters"]) == verdict["hyperparameters"]
    train.write(tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    kept = sorted(path.relative_to(brought) for path in brought.rglob("*") if path.is_file())
    assert written == kept
    assert all((tmp_path / one).read_bytes() == (brought / one).read_bytes() for one in written)
    assert {path.name for path in results.iterdir()} >= {
        *("report.html", "MODEL_CARD.md", "verdict.json", "candidates.csv", "heldout.csv", "suspects.csv")
    }


@pytest.mark.slow
def test_suspects_are_those_that_nobody_found_and_confirmed_ones_run_what_follows_the_list(
    corrected, tmp_path
):
    brought = corrected.folder / "data/correct-example"
    results = corrected.folder / "results/corrections/digits"
    truth = {row["id"] for row in table(brought / "truth.csv")}
    listed = {row["id"] for row in table(brought / "bad.csv")}
    suspects = table(results / "suspects.csv")
    assert len(suspects) == 200
    assert not listed & {row["id"] for row in suspects}
    first = [row for row in suspects if int(row["rank"]) <= train.POISONED - train.FOUND]
    assert sum(row["id"] in truth for row in first) > 0.9 * len(first)
    assert (corrected.folder / first[0]["path"]).is_file()
    said = json.loads((results / "verdict.json").read_text())["suspects"]
    assert said["bad_samples_in_all"]["low"] < train.POISONED < said["bad_samples_in_all"]["high"]
    assert said["fold_recall"] > 0.9
    assert first[0]["id"] in (results / "report.html").read_text(encoding="utf-8")

    project = corrected.duplicate(tmp_path / "project")
    bad = project.folder / "data/correct-example/bad.csv"
    with bad.open("a", encoding="utf-8") as file:
        file.writelines(f"{row['id']},\n" for row in first[:5])
    planned = project.planned("correct", "--configfile", CONFIG)
    assert not {"ingest_digits", "prepare"} & planned.keys()
    assert {"folds_digits": 1, "expand": 1, "repair_digits": 1, "list_suspects_digits": 1}.items() <= (
        planned.items()
    )


@pytest.mark.slow
def test_a_method_may_run_on_lists_that_were_grown_without_what_is_held_out(corrected, tmp_path):
    project = corrected.duplicate(tmp_path / "project")
    text = (ROOT / CONFIG).read_text().partition("  eu: {}")[0]
    method = "  npo: {expansion: neighbours, grid: {learning_rate: 0.002, steps: 50}}\n"
    (project.folder / "grown.yaml").write_text(f"{text}{method}{GROWN}")
    project.snakemake("correct", "--configfile", "grown.yaml")
    original = project.folder / "results/runs/digits/brought/n40/seed0/brought"
    for part in ("known", *(f"fold{k}" for k in range(4))):
        given, grown = (
            load_file(original / f"deletion_sets/{name}/{part}/1.0.safetensors")["indices"].tolist()
            for name in ("none", "neighbours")
        )
        with safe_open(
            original / f"deletion_sets/neighbours/{part}/1.0.safetensors", framework="numpy"
        ) as file:
            about = json.loads(json.loads(file.metadata()["redress"])["about"])
        assert grown[: len(given)] == given
        assert about["cut"]["known"] == len(given) == (40 if part == "known" else 30)
        assert len(grown) > len(given)
    with safe_open(
        project.folder / "results/corrections/digits/repaired.safetensors", framework="numpy"
    ) as file:
        assert file.metadata()["method"] == "npo"


@pytest.mark.slow
def test_another_list_is_another_round_and_a_rehearsal_with_the_mark_says_what_repairs(corrected, tmp_path):
    project = corrected.duplicate(tmp_path / "project")
    listed = project.folder / "data/correct-example/bad.csv"
    listed.write_text("\n".join(listed.read_text().splitlines()[:-8]) + "\n")
    config = yaml.safe_load((ROOT / CONFIG).read_text())
    mark = {"seeds": [0], "share": 0.5, "mark": "data/correct-example/mark.png"}
    config["corrections"]["digits"]["rehearsal"] = mark
    config["methods"] = {name: config["methods"][name] for name in ("npo", "skim")}
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(config))
    project.snakemake("correct", "--configfile", "mine.yaml")
    results = project.folder / "results/corrections/digits"
    assert [row["bad_samples"] for row in table(results / "rounds.csv")] == ["40", "32"]
    assert 'id="rounds"' in (results / "report.html").read_text(encoding="utf-8")
    verdict = json.loads((results / "verdict.json").read_text())
    (one,) = verdict["rehearsal"]["rehearsals"]
    assert one["best_truth"] > 0.6
    assert one["low"] - 0.05 <= one["truth"] <= one["high"] + 0.05


@pytest.mark.slow
def test_a_changed_list_runs_what_follows_from_it_and_no_picture_is_decoded_again(corrected, tmp_path):
    project = corrected.duplicate(tmp_path / "project")
    assert project.planned("correct", "--configfile", CONFIG) == {}
    listed = project.folder / "data/correct-example/bad.csv"
    listed.write_text("\n".join(listed.read_text().splitlines()[:-1]) + "\n")
    planned = project.planned("correct", "--configfile", CONFIG)
    assert "ingest_digits" not in planned
    assert {"folds_digits": 1, "probe_digits": 1, "repair_digits": 1}.items() <= planned.items()


def test_checks_alone_and_a_dry_run_need_no_gpu_and_bad_input_is_one_line(tmp_path):
    project = Project.copy(tmp_path)
    train.write(tmp_path / "data/correct-example")
    planned = project.planned("check", "--configfile", CONFIG)
    assert planned == {
        **{f"{name}_digits": 1 for name in ("ingest", "folds", "probe")},
        **{"write_checks": 1, "check": 1},
    }
    whole = project.snakemake("correct", "--dry-run", "--configfile", CONFIG)
    assert "Error" not in whole.stdout + whole.stderr
    assert project.planned("--configfile", CONFIG) == project.planned("correct", "--configfile", CONFIG)
    with (tmp_path / "data/correct-example/bad.csv").open("a", encoding="utf-8") as file:
        file.write("0/digit 9999.png,3\n")
    done = project.run("snakemake", "correct", "--dry-run", "--configfile", CONFIG)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "corrections" in line]
    assert f"{CONFIG}: corrections.digits.bad: data/correct-example/bad.csv: '0/digit 9999.png' is" in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("target", "config", "named"),
    [
        ("correct", [], "config.yaml"),
        ("check", ["--configfile", "config/judge-digits.yaml"], "config/judge-digits.yaml"),
    ],
)
def test_a_config_without_corrections_is_told_so_in_a_line(tmp_path, target, config, named):
    done = Project.copy(tmp_path).run("snakemake", "--dry-run", target, *config)
    assert done.returncode == 1
    assert f"{named}: corrections: is missing, and `snakemake {target}` looks for it" in done.stderr
    assert "MissingRule" not in done.stderr
    assert "Traceback" not in done.stderr
