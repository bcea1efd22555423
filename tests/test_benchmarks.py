"""The benchmarks, at a size at which their figures mean nothing but that they run and count right."""

import copy
import json
import sys

import loops
import numpy as np
import pandas as pd
import pytest
import yaml
from project import ROOT, TINY, Project

from redress import files
from redress.data import channel_statistics


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A prepared file of noise in the shape of CIFAR-10, but small."""
    generator = np.random.default_rng(0)
    arrays = {}
    for part, size in {"train": 1100, "validation": 40, "test": 60}.items():
        arrays[f"{part}_images"] = generator.integers(256, size=(size, 3, 32, 32), dtype=np.uint8)
        arrays[f"{part}_labels"] = generator.integers(10, size=size)
    mean, deviation = channel_statistics(arrays["train_images"])
    path = tmp_path_factory.mktemp("data") / "cifar10.safetensors"
    classes = [str(number) for number in range(10)]
    about = {"classes": classes, "mean": mean, "deviation": deviation, "source": "test"}
    files.save_arrays(path, arrays, about)
    return path


def measured(data, folder, *arguments):
    options = ["--data", data, "--threads", 1, "--workers", 1, "--seconds", 0.1, "--batch-size", 8]
    options += ["--accuracy-steps", 3, "--accuracy-seeds", 2, "--ssd-width", 4, "--ssd-steps", 3]
    options += ["--output", folder / "benchmarks.json", "--device", "cpu"]
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


def test_the_floor_of_wideresnet_is_the_sum_over_its_convolutions():
    forward = 32**2 * 9 * 3 * 16 + 640 * 100
    for side, inputs, outputs in ((32, 16, 160), (16, 160, 320), (8, 320, 640)):
        forward += side**2 * (9 * inputs * outputs + 7 * 9 * outputs**2 + inputs * outputs)
    found = loops.floor(None, None)["WRN-28-10"]
    assert found["forward_mmac_per_image"] == pytest.approx(forward / 1e6)


def test_a_step_is_timed_by_the_median_after_the_warm_up():
    ends = np.cumsum([9.0, 9.0, 9.0, 1.0, 2.0, 6.0, 2.0, 1.0, 100.0])
    assert loops.seconds_per_step(iter(ends), budget=37) == 2.0


def test_model_code_is_measured_against_plain_loops(data, tmp_path):
    report = measured(data, tmp_path, "training_step", "evaluation", "accuracy", "whole_training")
    for name in ("training_step", "evaluation"):
        assert report[name]["ResNet-9"]["ratio"] > 0
    assert report["evaluation"]["ResNet-9"]["same_predictions"] > 0.8
    assert len(report["accuracy"]["plain_float32"]) == len(report["accuracy"]["redress"]) == 2
    low, high = report["accuracy"]["interval_95_percent"]
    assert low <= report["accuracy"]["mean_difference"] <= high
    assert report["whole_training"] == {"skipped": "takes hours on a CPU"}
    assert report["images"] == "test"


def test_jobs_are_measured_with_the_real_scripts(data, tmp_path):
    report = measured(data, tmp_path, "ssd_grid", "memory")
    grid = report["ssd_grid"]
    assert grid["ratio"] == pytest.approx(50 * grid["one_alone_seconds"] / grid["shared_seconds"])
    assert 1 <= grid["evaluated_models"] <= 50
    assert all(200 < value < 4000 for value in report["memory"].values())


def test_a_benchmark_that_does_not_exist_is_refused(tmp_path):
    done = Project(tmp_path).run(sys.executable, str(ROOT / "benchmarks/bench.py"), "sped")
    assert done.returncode == 2
    assert "no benchmark sped; there are floor, training_step" in done.stderr


@pytest.mark.pipeline
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
