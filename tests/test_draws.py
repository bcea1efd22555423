"""What the adversary draws: exactly as the protocol says, and a function of its names alone."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from redress.adversary import discovery
from redress.adversary.act import act, manipulation
from redress.developer import candidate_job
from redress.developer.bench import Bench, as_arrays
from redress.developer.candidate_job import CandidateJob
from redress.formats import files
from redress.formats.contents import DeletionSet
from redress.formats.errors import BadInputError
from redress.formats.identity import Identity
from redress.formats.seeds import generator_for, seed_for

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
    poison = manipulation("poison", {"target_class": target})
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
    interclass = manipulation("interclass", {"classes": (a, b)})
    indices, given_labels = interclass.draw(labels, n, generator_for(seed))
    assert len(set(indices.tolist())) == n
    pairs = list(zip(labels[indices].tolist(), given_labels.tolist(), strict=True))
    assert pairs.count((a, b)) == pairs.count((b, a)) == n // 2
    assert given_labels.dtype == labels.dtype


def test_every_sample_is_as_likely_to_be_poisoned():
    poison, labels = manipulation("poison", {}), np.zeros(30, dtype=np.int64)
    counts = np.zeros(30)
    for seed in range(600):
        counts[poison.draw(labels, 10, generator_for(seed))[0]] += 1
    deviation = (600 * 1 / 3 * 2 / 3) ** 0.5
    assert counts.sum() == 6000
    assert np.abs(counts - 200).max() < 5 * deviation


def test_interclass_reaches_every_sample_of_its_classes_and_no_other():
    labels = np.arange(30) % 3
    interclass = manipulation("interclass", {"classes": (0, 2)})
    seen = {int(i) for seed in range(100) for i in interclass.draw(labels, 4, generator_for(seed))[0]}
    assert seen == {i for i in range(30) if i % 3 != 1}


def test_the_order_of_discovery_mixes_the_confused_classes():
    labels = np.repeat([0, 1, 2], 30)
    interclass = manipulation("interclass", {"classes": (0, 1)})
    counts = []
    for seed in range(50):
        indices, _ = interclass.draw(labels, 40, generator_for(seed))
        counts.append(np.count_nonzero(labels[indices[:20]] == 0))
    # Hypergeometric: 20 of 40, half of them class 0, so the mean is 10 and the deviation 1.6.
    assert min(counts) > 2
    assert max(counts) < 18
    assert abs(np.mean(counts) - 10) < 1.2
    assert len(set(counts)) > 3


# The draw that is written down

RUN = Identity("tiny", "patches", 20, 3)  # a block's own name: draws follow from the file, `poison`
CELL = RUN.having(maker="standard", discovery="some", expansion="none")
USES = {"manipulation": "poison", "discovery": "uniform", "method": "cf"}


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """S_m of a tiny dataset in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    tiny.prepare(RUN, train=90)
    done = act(RUN, "poison", {})
    done.save(RUN, {})
    return done.truth.manipulated


def expected_poison(seed_text, count, n):
    """Poison's draw made without the project's code."""
    seed = int(hashlib.sha256(seed_text).hexdigest()[:16], 16) // 2
    return np.random.Generator(np.random.PCG64(seed)).choice(count, size=n, replace=False)


def test_the_draw_is_named_by_dataset_manipulation_n_and_seed(drawn):
    expected = expected_poison(b'["manipulation", "tiny", "poison", 20, 3]', 90, 20)
    assert drawn.tolist() == expected.tolist()


def test_manipulating_twice_in_other_processes_gives_the_same_bytes(drawn):
    written = {path: path.read_bytes() for path in Path("results").rglob("*.safetensors")}
    command = [sys.executable, SCRIPTS / "manipulate.py", "--dataset", "tiny", "--manipulation", "patches"]
    command += ["--n", "20", "--seed", "3", "--uses", json.dumps(USES)]
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    again = {path: path.read_bytes() for path in Path("results").rglob("*.safetensors")}
    assert again.keys() == written.keys()
    # The truth says what it was made with; all else is equal to the last byte.
    truth = Path(RUN.path("truth"))
    assert files.load_arrays(truth, RUN)[1]["manipulation"] == "poison"
    assert {path for path in written if again[path] != written[path]} <= {truth}


@pytest.mark.parametrize(
    "names",
    [
        ("digits", "poison", 20, 1),
        ("digits", "poison", 40, 0),
        ("cifar10", "poison", 20, 0),
        ("digits", "interclass", 20, 0),
    ],
)
def test_another_dataset_n_or_seed_is_another_draw(names):
    first, other = (
        manipulation("poison", {}).draw(np.zeros(1000, int), 20, generator_for("manipulation", *which))[0]
        for which in (("digits", "poison", 20, 0), names)
    )
    assert sorted(first) != sorted(other)


# Discovery


def found(share, uses=USES, settings=None):
    return discovery.discover(CELL.having(share=share), uses, settings or {}).indices.tolist()


def test_uniform_deletion_sets_are_nested_and_begin_the_manipulated_set(drawn):
    sets = [found(share) for share in ("0.1", "0.29", "0.5", "0.8", "1.0")]
    assert [len(one) for one in sets] == [2, 6, 10, 16, 20]
    assert all(one == drawn[: len(one)].tolist() for one in sets)


@pytest.fixture
def plug_in(monkeypatch):
    """Let a function stand in for a discovery."""

    def put(function):
        monkeypatch.setattr(discovery, "load", lambda package, name: SimpleNamespace(discover=function))

    return put


REFUSED = {
    "absent": (
        lambda truth, share, generator: np.array([3, 90]),
        "there is no sample 90; they go from 0 to 89",
    ),
    "negative": (lambda truth, share, generator: np.array([3, -2]), "there is no sample -2"),
    "repeated": (lambda truth, share, generator: np.array([3, 5, 3]), "names sample 3 more than once"),
    "all": (lambda truth, share, generator: np.arange(90), "names all 90 training samples"),
    "none": (lambda truth, share, generator: truth.manipulated[:0], "names no sample"),
    "a mask": (lambda truth, share, generator: np.ones(90, bool), r"must be integers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_deletion_set_that_cannot_be_is_refused_in_one_line(drawn, plug_in, case):
    function, expected = REFUSED[case]
    plug_in(function)
    with pytest.raises(BadInputError, match=expected) as caught:
        found("0.5", {**USES, "discovery": "mine"})
    assert str(caught.value).startswith("discoveries/mine.py: ")
    assert "\n" not in str(caught.value)


def test_a_discovery_draws_the_same_for_every_share_and_gets_its_settings(drawn, plug_in):
    def discover(truth, share, generator, *, extra):
        return np.append(generator.permutation(90)[: round(share * 20)], 80 + extra)

    plug_in(discover)
    few, many = (discovery.discover(CELL.having(share=s), USES, {"extra": 9}).indices for s in ("0.1", "0.5"))
    assert few[-1] == many[-1] == 89
    assert few[:-1].tolist() == many[:2].tolist()
    plug_in(lambda truth, share, generator: generator.permutation(90)[:5])
    draws = {tuple(found("0.1", {**USES, "discovery": name})) for name in ("a", "b")}
    assert len(draws) == 2


def test_a_discovery_that_asks_for_margins_gets_those_of_the_training(drawn, plug_in):
    log = np.arange(180, dtype=np.float16).reshape(90, 2)
    original = CELL.original
    files.save_arrays(original.path("training_log"), {"margins": log}, {}, original)
    plug_in(lambda truth, share, generator, *, margins: margins[:, 1].argsort()[-3:])
    assert found("0.5") == [87, 88, 89]


# What a method is given of it


@pytest.mark.parametrize("indices", [[5, 2, 71], None], ids=["with false alarms", "uniform"])
def test_a_method_gets_the_deletion_set_and_everything_else_as_retain_set(drawn, monkeypatch, indices):
    seen = []
    module = SimpleNamespace(unlearn=lambda task: seen.append(task) or task.original)
    monkeypatch.setattr(candidate_job, "load_anew", lambda package, name: module)
    cell = CELL.having(share="0.5")
    deletion = drawn[:10].tolist() if indices is None else indices
    DeletionSet(np.array(deletion)).save(cell, {})
    weights = Bench(cell, USES, tiny.SETUP).new_model(0).state_dict()
    files.save_arrays(cell.path("original"), as_arrays(weights), {}, cell.original)
    job = CandidateJob(cell.having(method="mine"), USES, tiny.SETUP, tiny.PROVENANCE)
    _, predictions = job.run({})
    (task,) = seen
    assert task.deletion.tolist() == deletion
    assert predictions.about["deletion_size"] == len(predictions.deletion) == len(deletion)
    assert task.retain.tolist() == [i for i in range(90) if i not in deletion]
    expected = np.arange(90) % 3
    expected[drawn] = 0
    assert torch.equal(task.training_set.labels, torch.as_tensor(expected))
