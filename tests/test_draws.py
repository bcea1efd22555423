"""What the adversary draws: exactly as the protocol says, and a function of its names alone."""

import hashlib
import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from redress import files, plugins
from redress.candidate_job import CandidateJob
from redress.scenario import Scenario, deletion_size
from redress.seeds import generator_for, seed_for

SCRIPTS = Path(__file__).parents[1] / "workflow/scripts"
SEEDS = st.integers(0, 2**31)


@st.composite
def labels_of_three_classes_or_more(draw):
    counts = draw(st.lists(st.integers(4, 20), min_size=3, max_size=6))
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(SEEDS)).permutation(labels)


# Seeds


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("digits", "poison", 60, 0), b'["digits", "poison", 60, 0]'),
        (("a", 0.5), b'["a", 0.5]'),
        ((), b"[]"),
    ],
)
def test_a_seed_is_the_first_63_bits_of_a_sha256(names, text):
    bits = "".join(f"{byte:08b}" for byte in hashlib.sha256(text).digest())
    assert seed_for(*names) == int(bits[:63], 2)


def test_names_that_differ_a_little_have_unrelated_seeds():
    seeds = [seed_for("digits", n, seed) for n in range(20) for seed in range(50)]
    assert len(set(seeds)) == 1000
    assert seed_for("a", "bc") != seed_for("ab", "c")
    assert seed_for(1) != seed_for("1")
    # Each bit is a fair coin: 1,000 tosses stay within five standard deviations of 500.
    heads = [sum(seed >> bit & 1 for seed in seeds) for bit in range(63)]
    assert all(abs(count - 500) < 5 * 250**0.5 for count in heads)


def test_a_draw_does_not_depend_on_what_was_drawn_before():
    first = generator_for("digits", 3).integers(0, 1000, 20)
    np.random.seed(1)
    np.random.rand(7)
    generator_for("something else").normal(size=100)
    assert np.array_equal(generator_for("digits", 3).integers(0, 1000, 20), first)


# Manipulations


@settings(deadline=None)
@given(labels_of_three_classes_or_more(), SEEDS, st.data())
def test_poison_draws_n_different_samples_and_calls_them_the_target_class(labels, seed, data):
    n = data.draw(st.integers(1, len(labels)))
    target = data.draw(st.integers(0, 2))
    poison = plugins.manipulation("poison", {"target_class": target})
    indices, given_labels = poison.draw(labels, n, generator_for(seed))
    assert len(indices) == len(given_labels) == n
    assert len(set(indices.tolist())) == n
    assert set(indices.tolist()) <= set(range(len(labels)))
    assert given_labels.tolist() == [target] * n
    assert given_labels.dtype == labels.dtype


@settings(deadline=None)
@given(labels_of_three_classes_or_more(), SEEDS, st.data())
def test_interclass_swaps_the_labels_of_half_n_samples_of_each_class(labels, seed, data):
    a, b = data.draw(st.permutations(range(int(labels.max()) + 1)))[:2]
    smaller = min(np.count_nonzero(labels == a), np.count_nonzero(labels == b))
    n = 2 * data.draw(st.integers(1, smaller))
    interclass = plugins.manipulation("interclass", {"classes": (a, b)})
    indices, given_labels = interclass.draw(labels, n, generator_for(seed))
    assert len(set(indices.tolist())) == n
    pairs = list(zip(labels[indices].tolist(), given_labels.tolist(), strict=True))
    assert pairs.count((a, b)) == pairs.count((b, a)) == n // 2
    assert given_labels.dtype == labels.dtype


def test_every_sample_is_as_likely_to_be_poisoned():
    poison, labels = plugins.manipulation("poison", {}), np.zeros(30, dtype=np.int64)
    counts = np.zeros(30)
    for seed in range(600):
        counts[poison.draw(labels, 10, generator_for(seed))[0]] += 1
    deviation = (600 * 1 / 3 * 2 / 3) ** 0.5
    assert counts.sum() == 6000
    assert np.abs(counts - 200).max() < 5 * deviation


def test_interclass_reaches_every_sample_of_its_classes_and_no_other():
    labels = np.arange(30) % 3
    interclass = plugins.manipulation("interclass", {"classes": (0, 2)})
    seen = {int(i) for seed in range(100) for i in interclass.draw(labels, 4, generator_for(seed))[0]}
    assert seen == {i for i in range(30) if i % 3 != 1}


def test_the_order_of_discovery_mixes_the_confused_classes():
    labels = np.repeat([0, 1, 2], 30)
    interclass = plugins.manipulation("interclass", {"classes": (0, 1)})
    counts = []
    for seed in range(50):
        indices, _ = interclass.draw(labels, 40, generator_for(seed))
        counts.append(np.count_nonzero(labels[indices[:20]] == 0))
    # Hypergeometric: 20 of 40, half of them class 0, so the mean is 10 and the deviation 1.6.
    assert min(counts) > 2
    assert max(counts) < 18
    assert abs(np.mean(counts) - 10) < 1.2
    assert len(set(counts)) > 3


# Deletion sets


@pytest.mark.parametrize(
    ("fraction", "n", "size"), [(0.1, 60, 6), (0.8, 60, 48), (1.0, 7, 7), (0.3, 120, 36), (0.29, 100, 29)]
)
def test_the_deletion_set_is_that_share_of_n(fraction, n, size):
    assert deletion_size(fraction, n) == size


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny prepared dataset: 90 images of 3 classes to train on."""
    folder, generator = tmp_path_factory.mktemp("draws"), np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 90), ("validation", 12), ("test", 12)):
        arrays[f"{part}_images"] = generator.integers(0, 256, (count, 1, 11, 11), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(count) % 3
    about = {"classes": ["a", "b", "c"], "mean": [0.5], "deviation": [0.3], "source": "none"}
    files.save_arrays(folder / "data.safetensors", arrays, about)
    return folder


def manipulate(folder, output, manipulation="poison", n=20, seed=0, dataset="tiny"):
    """The draw that manipulate.py writes, made in a process of its own."""
    own = {"classes": [0, 2]} if manipulation == "interclass" else {}
    command = [sys.executable, SCRIPTS / "manipulate.py", "--dataset", dataset]
    command += ["--manipulation", manipulation, "--n", str(n), "--seed", str(seed)]
    command += ["--settings", json.dumps(own), "--data", folder / "data.safetensors"]
    environment = {**os.environ, "PYTHONHASHSEED": str(np.random.default_rng().integers(1000))}
    subprocess.run([*command, "--output", folder / output], check=True, env=environment, capture_output=True)
    return files.load_arrays(folder / output)[0]


def expected_poison(seed_text, count, n):
    """Poison's draw made without the project's code."""
    seed = int(hashlib.sha256(seed_text).hexdigest()[:16], 16) // 2
    return np.random.Generator(np.random.PCG64(seed)).choice(count, size=n, replace=False)


def test_the_draw_that_is_saved_is_named_by_dataset_manipulation_n_and_seed(folder):
    drawn = manipulate(folder, "named.safetensors", n=20, seed=3)
    expected = expected_poison(b'["manipulation", "tiny", "poison", 20, 3]', 90, 20)
    assert np.array_equal(drawn["manipulated"], expected)
    assert drawn["given_labels"].tolist() == [0] * 20


def test_manipulating_twice_gives_the_same_bytes(folder):
    manipulate(folder, "first.safetensors", "interclass")
    manipulate(folder, "second.safetensors", "interclass")
    first, second = ((folder / f"{name}.safetensors").read_bytes() for name in ("first", "second"))
    assert first == second


def test_another_dataset_n_or_seed_is_another_draw():
    labels = np.zeros(1000, dtype=np.int64)
    poison = plugins.manipulation("poison", {})
    draws = {
        tuple(sorted(poison.draw(labels, 20, generator_for("manipulation", *names))[0].tolist()))
        for names in [
            ("digits", "poison", 20, 0),
            ("digits", "poison", 20, 1),
            ("digits", "poison", 40, 0),
            ("cifar10", "poison", 20, 0),
            ("digits", "interclass", 20, 0),
        ]
    }
    assert len(draws) == 5


@pytest.fixture(scope="module")
def job_arguments(folder):
    manipulate(folder, "draw.safetensors", "interclass")
    scenario_settings = {
        "model": {"name": "resnet9", "width": 1},
        "recipe": {"steps": 1, "batch_size": 8, "crop_padding": 1},
        "manipulation": {"classes": [0, 2]},
    }
    arguments = Namespace(
        dataset="tiny",
        manipulation="interclass",
        n=20,
        seed=0,
        data=folder / "data.safetensors",
        draw=folder / "draw.safetensors",
        settings=scenario_settings,
        device="cpu",
        threads=1,
        config_digest="",
        original=folder / "original.safetensors",
        method="cf",
        deletion_fraction=1.0,
        statistics=[],
    )
    weights = Scenario(arguments).new_model(0).state_dict()
    files.save_arrays(arguments.original, {name: value.numpy() for name, value in weights.items()}, {})
    return arguments


def test_deletion_sets_are_nested_and_begin_the_manipulated_set(job_arguments):
    scenario = Scenario(job_arguments)
    drawn = files.load_arrays(job_arguments.draw)[0]["manipulated"].tolist()
    sets = {fraction: scenario.deletion(fraction).tolist() for fraction in (0.1, 0.3, 0.5, 0.8, 1.0)}
    assert [len(found) for found in sets.values()] == [2, 6, 10, 16, 20]
    assert all(found == drawn[: len(found)] for found in sets.values())


@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_a_method_gets_the_deletion_set_and_everything_else_as_retain_set(
    job_arguments, monkeypatch, fraction
):
    seen = []
    real_load = plugins.load

    def load(package, name):
        if package != "methods":
            return real_load(package, name)
        return SimpleNamespace(unlearn=lambda task: seen.append(task) or task.original)

    monkeypatch.setattr(plugins, "load", load)
    job = CandidateJob(Namespace(**{**vars(job_arguments), "deletion_fraction": fraction}), "unlearn.py")
    _, record = job.run({})
    (task,) = seen
    drawn = files.load_arrays(job_arguments.draw)[0]
    deletion, retain = set(task.deletion.tolist()), task.retain.tolist()
    assert record["deletion_size"] == len(deletion) == round(20 * fraction)
    assert deletion.isdisjoint(retain)
    assert retain == [i for i in range(90) if i not in deletion]
    # The manipulated samples that nobody found are retained, with the labels the adversary gave them.
    undiscovered = drawn["manipulated"][len(deletion) :]
    assert set(undiscovered.tolist()) <= set(retain)
    expected = np.arange(90) % 3
    expected[drawn["manipulated"]] = 2 - expected[drawn["manipulated"]]
    assert torch.equal(task.training_set.labels, torch.as_tensor(expected))
