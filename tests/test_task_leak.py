"""What a method is given: nothing that it may not know, and nothing that reaches another candidate."""

import contextlib
import dataclasses
import types
from functools import partial, wraps
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import torch

from redress.adversary.act import act, manipulation
from redress.adversary.discovery import discover
from redress.adversary.pool import Pool, channel_statistics, split
from redress.developer import candidate_job, expanding, making
from redress.developer.candidate_job import CandidateJob
from redress.developer.expanding import expand
from redress.developer.importance import compute_importance
from redress.developer.making import make_original
from redress.developer.task import Expanded
from redress.formats import files
from redress.formats.contents import DeletionSet
from redress.formats.errors import BadInputError
from redress.formats.identity import PLAIN, WHOLE, Identity
from redress.formats.recipe import Recipe, Setup
from redress.formats.seeds import generator_for, seed_for
from redress.plugins import methods
from redress.plugins.methods import cf, scrub, ssd

NAME, SEED, N, SIZE, COUNT = "an unusual dataset", 987654321, 10, 12, 60
SHARE, FOUND = "0.4", 4
SETUP = Setup({"name": "resnet9", "width": 2}, Recipe(steps=6, batch_size=16, crop_padding=1), "cpu", 1)
MANIPULATIONS = {"poison": {"patch_size": 2}, "interclass": {"classes": [1, 2]}}


def a_pool():
    generator = np.random.Generator(np.random.PCG64(0))

    def pixels(labels):
        noise = generator.integers(0, 120, size=(len(labels), 1, SIZE, SIZE))
        return (noise + 40 * labels[:, None, None, None]).astype(np.uint8)

    train_labels, test_labels = generator.permutation(COUNT) % 3, generator.permutation(45) % 3
    return Pool(pixels(train_labels), train_labels, pixels(test_labels), test_labels, ["a", "b", "c"])


@pytest.fixture(scope="module", params=sorted(MANIPULATIONS))
def built(request, tmp_path_factory):
    return build(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def world(built, monkeypatch):
    """The files that the stages before unlearning leave, in the folder one is in, and what is in them."""
    monkeypatch.chdir(built.folder)
    return built


@pytest.fixture(scope="module")
def built_poisoned(tmp_path_factory):
    return build("poison", tmp_path_factory.mktemp("poison"))


@pytest.fixture
def poisoned(built_poisoned, monkeypatch):
    monkeypatch.chdir(built_poisoned.folder)
    return built_poisoned


def build(name, folder):
    uses = {"manipulation": name, "maker": "standard", "discovery": "uniform"}
    run = Identity(NAME, name, N, SEED)
    original = run.having(maker="standard")
    cell = original.having(discovery="uniform", share=SHARE, expansion=PLAIN)
    with contextlib.chdir(folder):
        pictures, labels = split(a_pool(), 15, NAME)
        mean, deviation = channel_statistics(pictures["train_images"])
        about = {"classes": ["a", "b", "c"], "mean": mean, "deviation": deviation}
        files.save_arrays(run.path("pictures"), pictures, about, Identity(NAME))
        files.save_arrays(run.path("true_labels"), labels, {}, Identity(NAME))
        done = act(run, name, MANIPULATIONS[name])
        done.save(run, {})
        make_original(original, uses, SETUP, {}, tiny.PROVENANCE)
        discover(cell, uses, {}).save(cell, {})
        for over in (WHOLE, f"{PLAIN}/uniform/{SHARE}"):
            identity = original.having(importance="fisher_batch", over=over)
            compute_importance(identity, uses, SETUP, tiny.PROVENANCE)
    return types.SimpleNamespace(
        folder=folder,
        cell=cell,
        uses=uses,
        name=name,
        arrays={**pictures, **labels},
        mean=mean,
        deviation=deviation,
        manipulated=done.truth.manipulated,
        given_labels=done.truth.given_labels,
    )


def job(world, method):
    uses = {**world.uses, "method": method}
    return CandidateJob(world.cell.having(method=method), uses, SETUP, tiny.PROVENANCE)


def let(patch, method, unlearn):
    """Let `unlearn` stand in for a method's, of whose hyperparameters and defaults it is."""
    module = types.SimpleNamespace(unlearn=wraps(method.unlearn)(unlearn))
    patch.setattr(candidate_job, "load_anew", lambda package, name: module)


def handed_task(world, monkeypatch, method="ssd"):
    """The task as the method receives it."""
    received = []

    def unlearn(task, **_):
        received.append(task)
        return task.original

    with monkeypatch.context() as patch:
        let(patch, {"ssd": ssd, "cf": cf}[method], unlearn)
        job(world, method).run({"alpha": 1} if method == "ssd" else {})
    return received[0]


# Everything reachable from an object


def reachable(start):
    """Every value that attributes, items and bound arguments lead to; what closures hide is left out."""
    waiting, seen = [start], {}
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | types.ModuleType):
            continue
        seen[id(thing)] = thing
        waiting += within(thing)
    return list(seen.values())


def within(thing):
    inside = list(getattr(thing, "__dict__", {}).values())
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names = [slots] if isinstance(slots, str) else slots
        inside += [getattr(thing, name) for name in names if hasattr(thing, name)]
    if isinstance(thing, types.FunctionType):
        inside += [thing.__defaults__, thing.__kwdefaults__]
    elif isinstance(thing, types.MethodType):
        inside += [thing.__self__, thing.__func__]
    elif isinstance(thing, partial):
        inside += [thing.func, thing.args, thing.keywords]
    elif isinstance(thing, dict | types.MappingProxyType):
        inside += [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set | frozenset):
        inside += list(thing)
    elif isinstance(thing, np.ndarray):
        inside.append(thing.base)
    elif isinstance(thing, torch.Tensor):
        inside += [thing.grad if thing.is_leaf else None, whole_storage(thing)]
    return inside


def whole_storage(tensor):
    """All memory behind a tensor, of which it may show a part; as an array, to end the walk."""
    return torch.empty(0, dtype=tensor.dtype).set_(tensor.detach().untyped_storage()).numpy().copy()


def as_array(thing):
    """Arrays, tensors and collections of numbers as an array, else None."""
    if isinstance(thing, torch.Tensor):
        thing = thing.detach()
    elif isinstance(thing, set | frozenset):
        thing = sorted(thing, key=repr)
    elif isinstance(thing, dict):
        thing = list(thing)
    elif not isinstance(thing, np.ndarray | list | tuple):
        return None
    try:
        array = np.asarray(thing)
    except (ValueError, TypeError, RuntimeError):
        return None
    return array if array.dtype.kind in "biuf" else None


# What a task must not hold


def betrayals(start, world):
    """Names of the secrets found in what can be reached from `start`."""
    found = set()
    for thing in reachable(start):
        if isinstance(thing, str | int) and thing in (NAME, SEED, world.name):
            found.add("names")
        array = as_array(thing)
        if array is not None and array.size > 1:
            found |= betrayed_by(array, world)
    return found


def betrayed_by(array, world):
    flat, arrays = array.ravel(), world.arrays
    undiscovered = world.manipulated[FOUND:]
    found = set()
    if set(flat.tolist()) <= set(world.manipulated.tolist()) and np.isin(undiscovered, flat).any():
        found.add("S_m")
    if contains_run(flat, undiscovered):
        found.add("S_m")
    for indices in (world.manipulated, undiscovered):
        mask = np.isin(np.arange(COUNT), indices)
        if same(flat != 0, mask) or same(flat == 0, mask):
            found.add("mask of S_m")
    true = arrays["train_labels"]
    if same(flat, true) or same(flat, true[world.manipulated]) or same(flat, true[undiscovered]):
        found.add("true labels")
    for held_out in ("validation", "test"):
        if same(flat, arrays[f"{held_out}_labels"]):
            found.add(f"{held_out} labels")
        stored = arrays[f"{held_out}_images"]
        for images in (stored, stored / 255, (stored / 255 - world.mean) / world.deviation):
            if contains_image(flat, images):
                found.add(f"{held_out} images")
    return found


def same(array, other):
    return array.shape == other.shape and np.array_equal(array, other)


def contains_run(flat, run):
    if len(flat) < len(run):
        return False
    return bool((np.lib.stride_tricks.sliding_window_view(flat, len(run)) == run).all(1).any())


def contains_image(flat, images):
    """Whether one of `images` lies in `flat`, wherever it begins."""
    rows = images.reshape(len(images), -1)
    if len(flat) < rows.shape[1]:
        return False
    begins = np.flatnonzero(np.isclose(flat[:, None], rows[:, 0], atol=1e-4).any(1))
    begins = begins[begins + rows.shape[1] <= len(flat)]
    return any(
        np.isclose(flat[begin : begin + rows.shape[1]], rows, atol=1e-4).all(1).any() for begin in begins
    )


@pytest.mark.parametrize("method", ["ssd", "cf"])
def test_a_task_holds_none_of_the_secrets(world, monkeypatch, method):
    task = handed_task(world, monkeypatch, method)
    assert betrayals(task, world) == set()


def test_a_task_holds_what_a_method_may_know(world, monkeypatch):
    task = handed_task(world, monkeypatch)
    arrays, everything = world.arrays, torch.arange(COUNT)
    assert task.deletion.tolist() == world.manipulated[:FOUND].tolist()
    assert task.retain.tolist() == sorted(set(range(COUNT)) - set(world.manipulated[:FOUND].tolist()))
    assert task.training_set.labels.tolist() == world.given_labels.tolist()
    untouched = ~np.isin(everything, world.manipulated)
    expected = (arrays["train_images"] / 255 - world.mean) / world.deviation
    seen = task.training_set.images(everything).double().numpy()
    np.testing.assert_allclose(seen[untouched], expected[untouched], atol=1e-5)
    original = world.cell.original
    weights, _ = files.load_arrays(original.path("original"), original)
    assert all(np.array_equal(task.original.state_dict()[name], value) for name, value in weights.items())
    assert not task.original.training
    assert set(task.importances) == {("fisher_batch", "training_set"), ("fisher_batch", "deletion_set")}


SECRETS = {
    "S_m": ("S_m", lambda world: world.manipulated),
    "S_m sorted, as a tensor": ("S_m", lambda world: torch.tensor(np.sort(world.manipulated))),
    "S_m behind a tensor of S_f": ("S_m", lambda world: torch.tensor(world.manipulated)[:FOUND]),
    "S_m behind an array of S_f": ("S_m", lambda world: world.manipulated[:FOUND]),
    "S_m without S_f, as a set": ("S_m", lambda world: set(world.manipulated[FOUND:].tolist())),
    "S_m within a longer list": ("S_m", lambda world: [7, 7, *world.manipulated.tolist(), 7]),
    "mask": ("mask of S_m", lambda world: np.isin(np.arange(COUNT), world.manipulated)),
    "mask of the others": ("mask of S_m", lambda world: ~np.isin(np.arange(COUNT), world.manipulated)),
    "true labels": ("true labels", lambda world: torch.tensor(world.arrays["train_labels"])),
    "true labels of S_m": ("true labels", lambda world: world.arrays["train_labels"][world.manipulated]),
    "validation labels": ("validation labels", lambda world: world.arrays["validation_labels"]),
    "validation images": ("validation images", lambda world: world.arrays["validation_images"]),
    "test labels": ("test labels", lambda world: world.arrays["test_labels"]),
    "one test image": ("test images", lambda world: torch.tensor(world.arrays["test_images"][3])),
    "normalised test images": (
        "test images",
        lambda world: (torch.tensor(world.arrays["test_images"]) / 255 - world.mean[0]) / world.deviation[0],
    ),
    "the run's seed": ("names", lambda world: {"seed": SEED}),
    "the manipulation's name": ("names", lambda world: [world.name]),
}


@pytest.mark.parametrize("secret", SECRETS)
def test_the_search_finds_each_secret(poisoned, monkeypatch, secret):
    kind, plant = SECRETS[secret]
    task = handed_task(poisoned, monkeypatch)
    spoilt = dataclasses.replace(task, importances={("a", "b"): plant(poisoned)})
    assert betrayals(spoilt, poisoned) == {kind}


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Holder:
    def __init__(self, value):
        self.value = value

    def method(self):
        return None


def with_default(value):
    def function(argument=value):
        return argument

    return function


def with_attribute(value):
    def function():
        return None

    function.value = value
    return function


def module_with_buffer(value):
    module = torch.nn.Module()
    module.register_buffer("value", torch.as_tensor(value))
    return module


PLACES = {
    "attribute": Holder,
    "slot": Slotted,
    "bound method": lambda value: Holder(value).method,
    "partial argument": lambda value: partial(print, value),
    "partial keyword": lambda value: partial(print, end=value),
    "default": with_default,
    "function attribute": with_attribute,
    "dictionary": lambda value: {"a": [(value,)]},
    "buffer": module_with_buffer,
}


@pytest.mark.parametrize("place", PLACES)
def test_the_search_looks_into_each_hiding_place(poisoned, place):
    assert betrayals(PLACES[place](poisoned.manipulated), poisoned) == {"S_m"}
    assert betrayals(PLACES[place](poisoned.manipulated[:FOUND].copy()), poisoned) == set()


def test_the_seed_does_not_repeat_the_adversarys_draw(world, monkeypatch):
    task = handed_task(world, monkeypatch)
    adversary, true = manipulation(world.name, MANIPULATIONS[world.name]), world.arrays["train_labels"]

    def drawn(generator):
        return adversary.draw(true, N, generator)[0].tolist()

    name = world.name
    assert drawn(generator_for("manipulation", NAME, name, N, SEED)) == world.manipulated.tolist()
    seeds = [task.seed, seed_for(task.seed), seed_for("manipulation", NAME, name, N, task.seed)]
    for seed in seeds:
        assert drawn(np.random.Generator(np.random.PCG64(seed))) != world.manipulated.tolist()
    assert task.seed not in (SEED, seed_for("manipulation", NAME, name, N, SEED))


# Candidates do not influence each other


CANDIDATES = {
    "eu": {},
    "cf": {"steps": 3},
    "badt": {"steps": 3},
    "scrub": {"alpha": 0.1, "steps": 6, "ascent_steps": 2},
    "ssd": {"alpha": 1, "gamma_over_alpha": 0.5},
}
EARLIER = {
    "eu": {},
    "cf": {"steps": 5},
    "badt": {"steps": 4, "kl_reduction": "mean"},
    "scrub": {"alpha": 10, "steps": 4, "ascent_steps": 4},
    "ssd": {"alpha": 0.1, "gamma_over_alpha": 0.1},
}


def predicted(predictions):
    return [one.tolist() for one in (predictions.validation, predictions.deletion, *predictions.probes)]


@pytest.mark.parametrize("method", CANDIDATES)
def test_a_candidate_does_not_depend_on_those_before_it(poisoned, method):
    model, record = job(poisoned, method).run(CANDIDATES[method])
    shared_job = job(poisoned, method)
    shared_job.run(EARLIER[method])
    torch.rand(7)
    again, record_again = shared_job.run(CANDIDATES[method])
    tiny.assert_same_weights(model, again, tolerance=0)
    assert predicted(record) == predicted(record_again)


def test_a_method_that_draws_from_pytorchs_global_stream_draws_the_same_for_every_candidate(
    poisoned, monkeypatch
):
    drawn = []

    def unlearn(task, **_):
        drawn.append(torch.rand(3).tolist())
        return task.original

    let(monkeypatch, cf, unlearn)
    shared_job = job(poisoned, "cf")
    shared_job.run({})
    shared_job.run({"steps": 5})
    torch.rand(7)
    job(poisoned, "cf").run({})
    assert drawn[0] == drawn[1] == drawn[2]


def spoil_the_original(task):
    for tensor in task.original.state_dict().values():
        tensor.zero_()
    task.original.train()


def spoil_the_labels(task):
    task.training_set.labels.zero_()


def spoil_the_images(task):
    task.training_set.images(task.retain).zero_()


def spoil_the_deletion_set(task):
    task.deletion.copy_(task.retain[:FOUND])


def spoil_the_retain_set(task):
    task.retain.zero_()


def spoil_the_random_numbers(task):
    torch.manual_seed(0)
    task.generator("batches").manual_seed(0)


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_the_original,
        spoil_the_labels,
        spoil_the_images,
        spoil_the_deletion_set,
        spoil_the_retain_set,
        spoil_the_random_numbers,
    ],
)
def test_what_a_method_does_to_its_task_does_not_reach_the_next_candidate(poisoned, monkeypatch, spoil):
    def vandal(task, **_):
        spoil(task)
        return task.original

    candidate = CANDIDATES["scrub"]
    model, record = job(poisoned, "scrub").run(candidate)
    shared_job = job(poisoned, "scrub")
    with monkeypatch.context() as patch:
        let(patch, scrub, vandal)
        shared_job.run(candidate)
    again, record_again = shared_job.run(candidate)
    tiny.assert_same_weights(model, again, tolerance=0)
    assert predicted(record) == predicted(record_again)
    assert record.about["deletion_size"] == record_again.about["deletion_size"] == FOUND


def scaled_in_place(tensors):
    next(iter(tensors.values())).mul_(2)


def zeroed_by_index(tensors):
    next(iter(tensors.values()))[0] = 0


def rooted_through_a_view(tensors):
    next(iter(tensors.values())).flatten().sqrt_()


@pytest.mark.parametrize("change", [scaled_in_place, zeroed_by_index, rooted_through_a_view])
@pytest.mark.parametrize("over", ["training_set", "deletion_set"])
def test_a_method_that_changes_a_shared_importance_in_place_is_refused(poisoned, monkeypatch, change, over):
    def vandal(task, **_):
        change(task.importances["fisher_batch", over])
        return task.original

    let(monkeypatch, ssd, vandal)
    with pytest.raises(ValueError, match=r"methods/ssd\.py changes a shared importance in place: clone it"):
        job(poisoned, "ssd").run({"alpha": 1})


def replace_a_tensor(importances):
    tensors = importances["fisher_batch", "deletion_set"]
    for name in tensors:
        tensors[name] = tensors[name] * 0


def drop_a_tensor(importances):
    importances["fisher_batch", "deletion_set"].popitem()


def drop_an_importance(importances):
    importances.clear()


@pytest.mark.parametrize("change", [replace_a_tensor, drop_a_tensor, drop_an_importance])
def test_a_method_that_exchanges_its_importances_is_refused_or_does_not_reach_the_next_candidate(
    poisoned, monkeypatch, change
):
    def vandal(task, **_):
        change(task.importances)
        return task.original

    candidate = CANDIDATES["ssd"]
    model, _ = job(poisoned, "ssd").run(candidate)
    shared_job = job(poisoned, "ssd")
    with monkeypatch.context() as patch:
        let(patch, ssd, vandal)
        try:
            shared_job.run(candidate)
        except ValueError:
            return
    again, _ = shared_job.run(candidate)
    tiny.assert_same_weights(model, again, tolerance=0)


STATEFUL = """
import os

import numpy as np
import pandas as pd
import torch

generator = torch.Generator().manual_seed(7)
calls = []


def unlearn(task, *, steps: int = 1):
    calls.append(steps)
    with torch.no_grad():
        for theta in task.original.parameters():
            theta += 0.1 * len(calls) * torch.rand(theta.shape, generator=generator) * np.random.rand()
    os.chdir("/")
    return task.original
"""


def test_what_a_method_keeps_at_its_top_level_reaches_no_other_candidate(poisoned, monkeypatch, tmp_path):
    (tmp_path / "stateful.py").write_text(STATEFUL)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    together, alone = job(poisoned, "stateful"), job(poisoned, "stateful")
    models = [together.run({"steps": steps})[0] for steps in (1, 2)]
    tiny.assert_same_weights(models[1], alone.run({"steps": 2})[0], tolerance=0)
    assert Path.cwd() == poisoned.folder


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_model_of_another_precision_is_named(poisoned, monkeypatch, dtype):
    let(monkeypatch, cf, lambda task, **_: task.original.to(dtype))
    with pytest.raises(BadInputError, match=rf"methods/cf\.py: .* is {dtype}, not torch.float32"):
        job(poisoned, "cf").run({})


def test_a_model_with_a_layer_that_has_no_shape_yet_is_named(poisoned, monkeypatch):
    let(monkeypatch, cf, lambda task, **_: torch.nn.Sequential(task.original, torch.nn.LazyLinear(3)))
    with pytest.raises(BadInputError, match=r"methods/cf\.py: .* has no shape yet"):
        job(poisoned, "cf").run({})


def test_a_method_that_returns_no_model_is_named(poisoned, monkeypatch):
    let(monkeypatch, cf, lambda task, **_: None)
    with pytest.raises(ValueError, match=r"methods/cf\.py: unlearn\(\) returned NoneType"):
        job(poisoned, "cf").run({})


def test_a_diverged_candidate_is_recorded_without_predictions(poisoned, monkeypatch):
    def unlearn(task, **_):
        with torch.no_grad():
            next(task.original.parameters()).fill_(float("nan"))
        return task.original

    let(monkeypatch, cf, unlearn)
    _, record = job(poisoned, "cf").run({})
    assert record.diverged
    assert predicted(record) == [[]] * 5
    assert record.about["unlearn_seconds"] > 0


def test_a_record_says_what_its_model_was_made_from_and_no_more(poisoned):
    shared_job = job(poisoned, "ssd")
    _, record = shared_job.run({"alpha": 1})
    made_from = record.about["made_from"]
    assert set(made_from) == {
        "pictures",
        "training_set",
        "probes",
        "deletion_set",
        "original",
        "training_set fisher_batch",
        "deletion_set fisher_batch",
    }
    found = files.load_arrays(poisoned.cell.path("deletion_set"), poisoned.cell)[1]["seal"]
    assert made_from["deletion_set"] == found
    assert set(job(poisoned, "cf").run({"steps": 1})[1].about["made_from"]) == set(made_from) - {
        "training_set fisher_batch",
        "deletion_set fisher_batch",
    }


# What a maker and an expansion are given


def test_a_maker_and_an_expansion_are_given_none_of_the_secrets(world, monkeypatch):
    received, everything = [], torch.arange(COUNT)

    def make(training):
        received.append(training)
        return training.new_model()

    def grow(known):
        received.append(known)
        return Expanded(torch.tensor([*known.deletion.tolist(), 0]).unique(), everything.float())

    plug_in = types.SimpleNamespace(make=make, expand=grow)
    for module in (making, expanding):
        monkeypatch.setattr(module, "load", lambda package, name: plug_in)
    grown = world.cell.having(expansion="near")
    uses = {**world.uses, "expansion": "near", "maker": "mine"}
    make_original(world.cell.original.having(maker="mine"), uses, SETUP, {}, tiny.PROVENANCE)
    counts = expand(grown, uses, SETUP, {}, tiny.PROVENANCE)
    training, known = received
    assert betrayals(training, world) == betrayals(known, world) == set()
    assert training.samples.tolist() == known.samples.tolist() == everything.tolist()
    assert known.deletion.tolist() == world.manipulated[:FOUND].tolist()
    assert known.margins.shape == (COUNT, 2)  # six batches of 16 are a pass and 36 samples of the next
    assert known.margins.isnan().sum() == 24
    written, _ = DeletionSet.load(grown)
    assert counts == (FOUND, len(written.indices))
    assert written.scores.tolist() == everything.tolist()
    suspects = pd.read_csv(grown.path("suspects"))
    assert suspects["id"].tolist() == everything.tolist()[::-1]
    assert suspects["rank"].tolist() == [index + 1 for index in everything.tolist()]
    assert set(suspects.loc[suspects["known"], "id"]) == set(known.deletion.tolist())
    assert set(suspects.loc[suspects["is_label_issue"], "id"]) == set(written.indices.tolist())
    given = ["abc"[label] for label in known.training_set.labels[suspects["id"].to_numpy()]]
    assert suspects["given_label"].tolist() == given
    assert suspects["label_score"].between(0, 1).all() and suspects["label_score"].is_monotonic_increasing
    assert set(suspects["predicted_label"]) <= set(suspects["given_label"])


@pytest.mark.parametrize(
    ("indices", "scores", "expected"),
    [
        ([3, 60], COUNT, "there is no sample 60"),
        ([3, 3], COUNT, "names sample 3 more than once"),
        (range(COUNT), COUNT, "names all 60 training samples"),
        ([], COUNT, "sample indices must be integers|names no sample"),
        ([3], 5, r"scores have shape \(5,\), not \(60,\)"),
        (None, 0, r"expand\(\) returned list instead of Expanded"),
    ],
)
def test_a_grown_deletion_set_that_cannot_be_is_refused(poisoned, monkeypatch, indices, scores, expected):
    grown = [] if indices is None else Expanded(torch.tensor(list(indices)), torch.zeros(scores))
    plug_in = types.SimpleNamespace(expand=lambda known: grown)
    monkeypatch.setattr(expanding, "load", lambda package, name: plug_in)
    with pytest.raises(BadInputError, match=f"^expansions/near.py: .*({expected})"):
        expand(poisoned.cell.having(expansion="far"), {**poisoned.uses, "expansion": "near"}, SETUP, {}, {})
