"""The benchmarks, at a size at which their figures mean nothing but that they run and count right."""

import contextlib
import copy
import json
import sys

import jobs
import loops
import numpy as np
import pandas as pd
import pytest
import yaml
from images import write_noise
from project import ROOT, TINY, Project

from redress.formats.files import save_arrays
from redress.formats.identity import Identity


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A project's folder with noise in the shape of CIFAR-10, but little of it."""
    folder = tmp_path_factory.mktemp("prepared")
    with contextlib.chdir(folder):
        write_noise({"train": 1100, "validation": 40, "test": 60}, source="test")
    return folder


def measured(prepared, folder, *arguments):
    options = ["--data", prepared, "--threads", 1, "--workers", 1, "--seconds", 0.02, "--batch-size", 4]
    options += ["--accuracy-steps", 2, "--accuracy-seeds", 2, "--ssd-width", 4, "--ssd-steps", 2]
    options += [
        "--memory-batch",
        8,
        "--memory-width",
        4,
        "--output",
        folder / "benchmarks.json",
        "--device",
        "cpu",
    ]
    command = [sys.executable, ROOT / "benchmarks/bench.py", *arguments, *options]
    done = Project(folder).run(*map(str, command))
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "benchmarks.json").read_text())


def test_the_floor_of_resnet9_is_the_sum_over_its_convolutions():
    found = loops.floor(None, None)
    # (output side, kernel side, channels in, channels out)
    layers = [(32, 3, 3, 64), (16, 5, 64, 128), (16, 3, 128, 128), (16, 3, 128, 128), (16, 3, 128, 256)]
    layers += [(8, 3, 256, 256), (8, 3, 256, 256), (6, 3, 256, 128)]
    work = [side**2 * kernel**2 * inputs * outputs for side, kernel, inputs, outputs in layers]
    forward = sum(work) + 128 * 10
    assert found["ResNet-9"]["forward_mmac_per_image"] == pytest.approx(forward / 1e6)
    # Backwards twice the same, but for the gradient of the images, which nobody needs.
    assert found["ResNet-9"]["training_mmac_per_image"] == pytest.approx((3 * forward - work[0]) / 1e6)
    assert loops.flops_per_image(64, 3, 32) == 2 * (3 * forward - work[0])


def test_the_floor_of_wideresnet_is_the_sum_over_its_convolutions():
    forward = 32**2 * 9 * 3 * 16 + 640 * 100
    for side, inputs, outputs in ((32, 16, 160), (16, 160, 320), (8, 320, 640)):
        forward += side**2 * (9 * inputs * outputs + 7 * 9 * outputs**2 + inputs * outputs)
    found = loops.floor(None, None)["WRN-28-10"]
    assert found["forward_mmac_per_image"] == pytest.approx(forward / 1e6)


def test_a_step_is_timed_by_the_median_after_the_warm_up():
    ends = np.cumsum([9.0, 9.0, 9.0, 1.0, 2.0, 6.0, 2.0, 1.0, 100.0])
    assert loops.seconds_per_step(iter(ends), budget=37) == 2.0


def test_seconds_of_models_are_summed_once_over_all_that_results_say(tmp_path):
    cell = Identity("digits", "poison", 60, 0, "standard", "uniform", "0.5", "none")
    importance = cell.original.having(importance="fisher", over="training_set")
    said = {
        cell.original.path("original"): {"train_seconds": 8},
        cell.original.path("predictions"): {"train_seconds": 8, "prediction_seconds": 1},
        importance.path("importance"): {"seconds": 4},
        cell.having(method="ssd", candidate="a").path("candidate"): {
            "unlearn_seconds": 6,
            "preparation_seconds": 4,
            "prediction_seconds": 0.5,
        },
    }
    with contextlib.chdir(tmp_path):
        for path, about in said.items():
            save_arrays(path, {"nothing": np.zeros(1)}, about, cell)
        (tmp_path / "results/runs/old.json").write_text(
            '{"unlearn_seconds": 3, "preparation_seconds": null, "evaluation_seconds": 2}'
        )
    assert jobs.model_seconds(tmp_path / "results/runs") == (8 + 1 + 4 + 2 + 0.5 + 3 + 2, 3)


def test_what_a_command_takes_counts_all_that_it_started(tmp_path):
    work = "sum(i * i for i in range(10**6))"
    left_over = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{work}'])"
    used, _ = jobs.watched(tmp_path, [sys.executable, "-c", left_over])
    alone, _ = jobs.watched(tmp_path, [sys.executable, "-c", "pass"])
    assert used["cpu_seconds"] > alone["cpu_seconds"]
    assert used["peak"] > 1000  # kB


def test_model_code_is_measured_against_plain_loops_and_the_machine(prepared, tmp_path):
    names = ["peak", "training_step", "evaluation", "accuracy", "whole_training"]
    report = measured(prepared, tmp_path, *names)
    for name in ("training_step", "evaluation"):
        assert report[name]["ResNet-9"]["ratio"] > 0
    assert report["evaluation"]["ResNet-9"]["same_predictions"] > 0.8
    assert len(report["accuracy"]["plain_float32"]) == len(report["accuracy"]["redress"]) == 2
    low, high = report["accuracy"]["interval_95_percent"]
    assert low <= report["accuracy"]["mean_difference"] <= high
    assert report["whole_training"] == {"skipped": "takes hours on a CPU"}
    assert report["images"] == "test"
    assert 0 < report["peak"]["float32"]["the digits' network"]["share_of_peak"] < 1


@pytest.mark.slow
def test_jobs_are_measured_with_the_real_scripts(prepared, tmp_path):
    report = measured(prepared, tmp_path, "ssd_grid", "memory")
    grid = report["ssd_grid"]
    assert grid["ratio"] == pytest.approx(50 * grid["one_alone_seconds"] / grid["shared_seconds"])
    assert 1 <= grid["predicted_models"] <= 50
    assert all(200 < value < 4000 for value in report["memory"].values())


def test_a_benchmark_that_does_not_exist_is_refused(tmp_path):
    done = Project(tmp_path).run(sys.executable, str(ROOT / "benchmarks/bench.py"), "sped")
    assert done.returncode == 2
    assert "no benchmark sped; there are floor, peak, allocation, training_step" in done.stderr


@pytest.mark.slow
@pytest.mark.slow
def test_reference_results_are_kept_stage_by_stage(tmp_path):
    project = Project.copy(tmp_path / "project")
    config = copy.deepcopy(TINY)
    config["methods"] = {name: config["methods"][name] for name in ("eu", "ssd")}
    config["datasets"]["digits"]["manipulations"]["poison"]["n"] = [10, 20, 40]
    (project.folder / "config/tiny.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "benchmarks/reference.py", "--configfile", "config/tiny.yaml", "--cores", "2"]
    kept = project.folder / "docs/reference/tiny"

    short = project.run(*command, "--minutes", "0.03")
    assert short.returncode == 0
    assert "not finished within the 0.03 minutes" in short.stdout
    assert not kept.exists()

    first = project.run(*command, "--stages", "1")
    assert first.returncode == 0, first.stderr
    assert set(pd.read_csv(kept / "selected.csv")["n_manipulated"]) == {20}

    second = project.run(*command, "--stages", "2")
    assert second.returncode == 0, second.stderr
    selected = pd.read_csv(kept / "selected.csv")
    assert set(selected.loc[selected["manipulation"] == "poison", "n_manipulated"]) == {10, 20, 40}
    assert set(selected["seed"]) == {0}
    page = (kept / "README.md").read_text()
    assert "tiny: every n" in page
    assert "| digits, poison: eu does little with up to 80 % known, much with all |" in page
    for figure in ("figure2_poison_removal.png", "figure5_interclass_manipulated.png"):
        assert (kept / figure).exists()
        assert f"({figure})" in page
