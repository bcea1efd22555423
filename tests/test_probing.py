"""What somebody says of their model, held against what it does; and what becomes of their pictures."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from brought import COLORS, config, weights, write_csv, write_picture
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from redress.brought.case import copies, cut, in_both, ingest, others, probably_fine
from redress.developer import probing
from redress.developer.bench import Bench
from redress.developer.preprocessing import Preprocessing, alternatives
from redress.developer.probing import Brought, check_fit, check_order, probe
from redress.developer.weights import CONTAINERS, read_weights
from redress.formats import files
from redress.formats.contents import DeletionSet, Predictions
from redress.formats.errors import BadInputError
from redress.formats.identity import Identity
from redress.formats.recipe import Recipe, Setup
from redress.plan.corrections import Corrections
from redress.plugins.models import _brought

USES = {"manipulation": "brought"}

pytestmark = pytest.mark.usefixtures("here")


def ingested(**changes):
    """The plan of a config, its pictures and lists written."""
    plan = Corrections(config(**changes))
    case, original = plan.case("mine"), plan.original("mine")
    lists = case.training, case.validation
    about = {"classes": case.classes, "ids": files.digest_of_seals(case.training.ids)}
    ingest(Identity("mine"), lists, case.settings["preprocess"], about)
    fold = cut(original, lists, case.bad, case.folds, case.groups, {})
    return plan, fold


def probed(expect=None, **changes):
    plan, _ = ingested(**changes)
    model = plan.case("mine").settings["model"]
    told = {name: model[name] for name in ("factory", "arguments")}
    setup = Setup({"name": "_brought", **told}, Recipe(steps=1, precision="float32"), "cpu", 1)
    color = plan.case("mine").settings["preprocess"]["color"]
    brought = Brought(model["weights"], model["weights_key"], expect, 0.01, color)
    checks = probe(plan.original("mine"), USES, setup, brought, {}).checks
    return plan.original("mine"), {check.about: check for check in checks}


def refusal(call, *arguments, **changes):
    with pytest.raises(BadInputError) as caught:
        call(*arguments, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_that_is_what_they_say_is_kept_with_its_predictions():
    original, checks = probed(1.0)
    assert all(check.well for check in checks.values())
    arrays, about = files.load_arrays(original.path("original"), original)
    assert about["prefix"] == ""
    assert np.array_equal(arrays["head.bias"], weights()["head.bias"].numpy())
    predictions = Predictions.load("predictions", original)
    assert predictions.validation.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert predictions.probes[0].tolist() == [2] * 10


AS_IT_IS = {"size": 8, "mean": [0, 0, 0], "std": [1, 1, 1]}
BGR = {**AS_IT_IS, "color": "bgr"}


@pytest.mark.parametrize(
    ("preprocess", "told"),
    [
        (
            {"size": 8, "mean": [0.6] * 3, "std": [0.5] * 3},
            "with `mean: [0, 0, 0], std: [1, 1, 1]` (pictures from 0 to 1) in preprocess 1.000 of 30 ",
        ),
        (BGR, "with `color: rgb` in preprocess 1.000 of 30 "),
    ],
)
def test_an_accuracy_that_is_not_the_expected_one_names_the_preprocessing_that_fits(preprocess, told):
    message = refusal(probed, 1.0, preprocess=preprocess)
    assert f"expected was 1.000 within 0.01: {told}validation pictures are right, as it is 0." in message


def test_what_does_clearly_better_is_named_even_where_it_is_not_what_was_expected():
    for name in ("green", "red"):
        for number in range(5):
            write_picture(Path(f"validation/{name}/{number:02}.png"), np.full((4, 4, 3), COLORS["dark"]))
    message = refusal(probed, 0.95, preprocess=BGR)
    assert message.startswith("accuracy is 0.500 on 30 validation pictures, expected was 0.950 within 0.01")
    assert "with `color: rgb` in preprocess 0.667 of 30 validation pictures are right, as it is" in message


def trained_on(preprocess):
    """Weights of `Net` that want pictures so prepared."""
    inner, color = weights(), preprocess.get("color", "rgb")
    shift, scale = torch.tensor(preprocess["mean"]), torch.tensor(preprocess["std"])
    columns = inner["head.weight"].flip(1) if color == "bgr" else inner["head.weight"]
    return {"head.weight": columns * scale, "head.bias": inner["head.bias"] + columns @ shift}


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize(
    ("mean", "std", "now"),
    [
        ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], {**AS_IT_IS, "mean": [1, 1, 1]}),
        ([0.406, 0.456, 0.485], [0.225, 0.224, 0.229], {**AS_IT_IS, "mean": [1, 1, 1]}),
        ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616], {"size": 8, "mean": [0.1] * 3, "std": [1] * 3}),
        ([0.5, 0.5, 0.5], [0.25, 0.25, 0.25], {**BGR, "mean": [1, 1, 1]}),
    ],
)
def test_without_an_expectation_what_is_named_is_what_the_model_was_trained_with(color, mean, std, now):
    torch.save(trained_on({"color": color, "mean": mean, "std": std}), "weights.pt")
    message = refusal(probed, preprocess=now)
    assert message.endswith("say it in `expect`")
    written = yaml.safe_load(f"{{{message.split('`')[1]}}}")
    assert probed(1.0, preprocess={**now, **written})[1]["accuracy"].well


def test_without_an_expectation_clearly_better_preprocessing_stops_the_run_and_with_one_it_is_noted():
    message = refusal(probed, preprocess=BGR)
    assert message.startswith("preprocess: accuracy is 0.667 on 30 validation pictures; with `color: rgb` in")
    assert message.endswith("as it is 0.667; if it is right as it is, say it in `expect`")
    _, checks = probed(0.667, preprocess=BGR)
    assert checks["accuracy"].well
    assert not checks["preprocessing"].well
    assert "with `color: rgb` in preprocess 1.000 of 30" in checks["preprocessing"].found


def test_preprocessing_that_is_surely_but_not_clearly_better_is_noted():
    for name in ("dark", "green"):
        for number in range(10, 55):
            write_picture(Path(f"validation/{name}/{number:02}.png"), np.full((4, 4, 3), COLORS[name]))
    _, checks = probed(preprocess=BGR)
    assert "`color: rgb` in preprocess 1.000 of 120 validation pictures" in checks["preprocessing"].found
    assert not checks["preprocessing"].well
    assert probed(1.0)[1]["preprocessing"].well


@pytest.mark.parametrize(("more", "named"), [(2, "`color: rgb`"), (9, "`mean: [0, 0, 0]")])
def test_of_what_does_better_the_smallest_change_is_named_unless_another_is_surely_better(
    more, named, monkeypatch
):
    def right(bench, model, drawn, now):
        smallest, other = alternatives(now)[0], replace(now, mean=(0.0,) * 3, std=(0.1,) * 3)
        first = np.arange(len(drawn)) < 20
        return {smallest: first, other: np.arange(len(drawn)) < 20 + more}

    monkeypatch.setattr(probing, "_right_otherwise", right)
    whole = weights()
    torch.save({name: torch.zeros_like(value) for name, value in whole.items()}, "weights.pt")
    assert f"with {named}" in refusal(probed, 0.9, preprocess=BGR)


def test_other_preprocessing_is_each_tried_once_and_written_as_a_config_has_it():
    imagenet = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    now = Preprocessing(*map(tuple, imagenet), "rgb")
    others = alternatives(now)
    assert now not in others
    assert len({*others}) == len(others) == 19
    numbers = "mean: [0.406, 0.456, 0.485], std: [0.225, 0.224, 0.229]"
    assert [one.written(now) for one in others[:3]] == [
        "`color: bgr, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]`",
        f"`{numbers}`",
        "`mean: [0, 0, 0], std: [1, 1, 1]` (pictures from 0 to 1)",
    ]
    assert f"`color: bgr, {numbers}`" in [one.written(now) for one in others]
    grey = alternatives(Preprocessing((0.5,), (0.5,), "grey"))
    assert [one.name for one in grey] == [
        *("pictures from 0 to 1", "pictures from 0 to 255", "pictures from -2 to 2", "MNIST's")
    ]


def test_without_an_expectation_a_model_no_better_than_the_most_frequent_class_stops_the_run():
    torch.save({name: torch.zeros_like(value) for name, value in weights().items()}, "weights.pt")
    assert "that of the most frequent class 0.333: no other usual mean, std and order" in refusal(probed)
    torch.save(weights(), "weights.pt")
    assert not probed()[1]["accuracy"].well


def test_another_order_of_classes_is_found_and_told():
    torch.save(weights(order=(2, 0, 1)), "weights.pt")
    message = refusal(probed, 1.0)
    assert message.startswith("classes: the model numbers them otherwise: 0 is red, 1 is dark, 2 is green")
    assert "with `classes: [red, dark, green]` 1.000" in message
    assert probed(1.0, classes=["red", "dark", "green"])[1]["accuracy"].well


def test_an_order_that_is_one_of_numbers_or_of_letters_is_called_so():
    names = [str(number) for number in range(1, 12)]
    labels = np.repeat(np.arange(11), 5)
    as_text = {name: at for at, name in enumerate(sorted(names))}
    predicted = np.array([as_text[names[label]] for label in labels])
    assert "alphabetical order, 1, 10, 2" in refusal(check_order, names, labels, predicted)
    assert "the order of numbers, 1, 2, 10" in refusal(
        check_order, sorted(names), predicted, np.array(labels)
    )
    check_order(names, labels, labels)


def test_weights_of_another_training_set_and_bad_samples_that_were_never_learnt_are_told():
    lists = [f"{name}/{n:02}.png" for name in ("dark", "green", "red") for n in range(6)]
    rotated = {"dark": "green", "green": "red", "red": "dark"}
    for name in lists:
        color = COLORS[rotated[name.split("/")[0]]]
        write_picture(Path("train") / name, np.full((4, 4, 3), color))
    Path("bad.csv").write_text("\n".join(lists[:12]))
    _, checks = probed(1.0)
    assert "were these weights trained on these pictures?" in checks["training set"].found
    assert "0 of 12 bad samples as given: there may be nothing to repair" in checks["bad samples"].found


# The network


@pytest.mark.parametrize("factory", ["net.py:Pair", "net.py:Named", "net.py:Object"])
def test_outputs_that_are_a_tuple_or_have_logits_are_taken_apart(factory):
    assert probed(1.0, model={"factory": factory, "weights": "weights.pt"})[1]["accuracy"].well


def test_dropout_and_batch_norm_in_odd_places_are_at_rest_and_stay_as_they_were():
    norm = {"mean": torch.zeros(3), "var": torch.ones(3)}
    running = {f"norm.running_{name}": value for name, value in norm.items()}
    torch.save({**weights(), **running, "norm.num_batches_tracked": torch.tensor(7)}, "weights.pt")
    original, checks = probed(1.0, model={"factory": "net.py:Odd", "weights": "weights.pt"})
    assert all(check.well for check in checks.values())
    arrays, _ = files.load_arrays(original.path("original"), original)
    assert all(np.array_equal(arrays[name], value) for name, value in running.items())
    assert arrays["norm.num_batches_tracked"] == 7


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        (
            "net.py:demanding",
            "missing a required argument: 'width': called with nothing, it takes (width); give it in",
        ),
        (
            "net.py:careless",
            "got an unexpected keyword argument 'width'; called with nothing",
        ),
        (
            "net.py:on_a_card",
            "Found no NVIDIA driver on your system; leave the device to Redress: no .cuda()",
        ),
        ("net.py:ready", "ready in net.py is a Net, not a function or class that makes one"),
        ("net.py:NET", "NET in net.py is a str, not a function or class that makes one"),
        ("net.py:broken", "raised KeyError: 'depth'"),
        ("net.py:leaving", "raised SystemExit: 3"),
        ("net.py:nothing", "returned str, not a torch.nn.Module"),
        ("net.py:Moody", "in training mode, raised RuntimeError: not in this mood"),
        ("timm:resnet_of_mine", "timm has no model 'resnet_of_mine'"),
        ("torchvision:resnet_of_mine", "torchvision has no model 'resnet_of_mine'"),
        ("timm:resnet_18", "timm has no model 'resnet_18'; the nearest are resnet18, "),
        ("torchvision:resnet_18", "torchvision has no model 'resnet_18'; the nearest are resnet18, "),
    ],
)
def test_a_factory_that_makes_no_network_is_told_in_a_line(factory, told):
    assert told in refusal(probed, 1.0, model={"factory": factory, "weights": "weights.pt"})


def test_arguments_that_a_factory_does_not_take_are_told_with_those_that_it_takes():
    model = {"factory": "net.py:Net", "arguments": {"num_classes": 3}, "weights": "weights.pt"}
    assert refusal(probed, 1.0, model=model).endswith(
        "got an unexpected keyword argument 'num_classes': called with num_classes=3, it takes (classes=3); "
        "take it out of model.arguments"
    )


def test_a_function_that_only_running_a_file_shows_to_lack_is_told_with_those_that_there_are():
    arguments = {"factory": "net.py:Nett", "arguments": {}}
    told = refusal(_brought.build, 3, 3, **arguments)
    assert "net.py has no function 'Nett', did you mean 'Net'? it has Net, Pair, " in told
    assert "brought_net" not in told


def test_whether_weights_fit_is_seen_without_pictures():
    model = {"factory": "net.py:Net", "arguments": {"classes": 4}}
    brought = Brought("weights.pt", "auto", None, 0)
    told = refusal(check_fit, {"name": "_brought", **model}, 3, 4, brought)
    assert told == "weights.pt: does not fit: head.weight is [3, 3], not [4, 3]; head.bias is [3], not [4]"
    check_fit({"name": "_brought", **model, "arguments": {}}, 3, 3, brought)


def test_a_network_for_another_number_of_classes_is_told():
    torch.save({"head.weight": torch.zeros(4, 3), "head.bias": torch.zeros(4)}, "weights.pt")
    model = {"factory": "net.py:Net", "arguments": {"classes": 4}, "weights": "weights.pt"}
    assert "not logits of (2, 3): are all classes named, and no more?" in refusal(probed, 1.0, model=model)


@pytest.mark.parametrize(("factory", "size"), [("torchvision:resnet18", 32), ("timm:resnet18", 64)])
def test_models_of_libraries_are_made_for_the_classes(factory, size):
    model = _brought.build(3, 7, factory=factory, arguments={}).eval()
    assert model(torch.zeros(2, 3, size, size)).shape == (2, 7)
    state = model.state_dict()
    save_file(state, "weights.safetensors")
    read, prefix = read_weights("weights.safetensors", "auto", state)
    assert (set(read), prefix) == (set(state), "")


SOFT = """

class Soft(Net):
    def forward(self, x):
        return super().forward(x).softmax(1)


class LogSoft(Net):
    def forward(self, x):
        return super().forward(x).log_softmax(1)
"""


def test_probabilities_are_refused_and_their_logarithms_are_not():
    Path("soft.py").write_text(f"{Path('net.py').read_text()}{SOFT}")
    model = {"factory": "soft.py:Soft", "weights": "weights.pt"}
    message = refusal(probed, 1.0, model=model)
    assert "outputs are probabilities" in message
    assert "leave the softmax out" in message
    assert probed(1.0, model={**model, "factory": "soft.py:LogSoft"})[1]["accuracy"].well


# Weights

NETWORK = nn.ModuleDict({"head": nn.Linear(3, 3), "norm": nn.BatchNorm1d(3)}).state_dict()


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod."])
@pytest.mark.parametrize("container", [None, *CONTAINERS])
def test_weights_are_found_under_prefixes_and_in_containers(prefix, container):
    tensors = OrderedDict((prefix + name, value) for name, value in NETWORK.items())
    torch.save({container: tensors, "epoch": 3} if container else tensors, "w.pt")
    read, found = read_weights("w.pt", "auto", NETWORK)
    assert found == prefix
    assert all(torch.equal(read[name], value) for name, value in NETWORK.items())


def test_a_prefix_that_is_the_networks_own_stays():
    own = nn.ModuleDict({"model": nn.Linear(2, 2)}).state_dict()
    torch.save(own, "w.pt")
    assert read_weights("w.pt", "auto", own)[1] == ""


def test_of_several_models_one_must_be_named():
    ema = {name: value + 1 for name, value in NETWORK.items()}
    torch.save({"state_dict": NETWORK, "state_dict_ema": ema}, "w.pt")
    assert "holds several models: state_dict, state_dict_ema; name" in refusal(
        read_weights, "w.pt", "auto", NETWORK
    )
    read, _ = read_weights("w.pt", "state_dict_ema", NETWORK)
    assert torch.equal(read["head.bias"], ema["head.bias"])
    assert "no entry 'ema' that holds weights" in refusal(read_weights, "w.pt", "ema", NETWORK)


def test_an_entry_of_any_name_is_read_where_it_is_named():
    torch.save({"net": NETWORK, "epoch": 3}, "w.pt")
    told = refusal(read_weights, "w.pt", "auto", NETWORK)
    assert told.endswith("under a usual name; 'net' holds the network's: say so with weights_key: net")
    read, _ = read_weights("w.pt", "net", NETWORK)
    assert set(read) == set(NETWORK)
    torch.save({"net": {f"module.{key}": one for key, one in NETWORK.items()}, "ema": NETWORK}, "w.pt")
    assert "holds several models: net, ema; name" in refusal(read_weights, "w.pt", "auto", NETWORK)
    torch.save({"net": {"other": torch.zeros(1)}}, "w.pt")
    assert "; net have tensors of other" in refusal(read_weights, "w.pt", "auto", NETWORK)
    torch.save({"epoch": 3}, "w.pt")
    assert "could be found; it is a dict of epoch; save" in refusal(read_weights, "w.pt", "auto", NETWORK)


def test_weights_fit_by_name_and_shape_and_never_by_position():
    other = {name.replace("head", "fc"): value for name, value in NETWORK.items()}
    torch.save(other, "w.pt")
    message = refusal(read_weights, "w.pt", "auto", NETWORK)
    assert "the network's are head.weight, head.bias; the file's are fc.weight, fc.bias" in message
    torch.save({**NETWORK, "head.bias": torch.zeros(4)}, "w.pt")
    assert "head.bias is [4], not [3]" in refusal(read_weights, "w.pt", "auto", NETWORK)


class Harmful:
    """Leaves a file where it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("harm"),)


def test_pickled_code_is_refused_without_running_it():
    torch.save({"state_dict": NETWORK, "extra": Harmful()}, "w.pt")
    assert "holds more than tensors, which was not run" in refusal(read_weights, "w.pt", "auto", NETWORK)
    assert not Path("harm").exists()
    torch.save(nn.Linear(2, 2), "w.pt")
    assert "save the weights alone" in refusal(read_weights, "w.pt", "auto", NETWORK)
    Path("w.pt").write_bytes(b"no archive at all")
    message = refusal(read_weights, "w.pt", "auto", NETWORK)
    assert message == "w.pt: cannot be read as weights: is not what torch.save writes"


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_weights_of_no_byte_are_told_so(name):
    Path(name).touch()
    assert refusal(read_weights, name, "auto", NETWORK) == f"{name}: is empty"


# Pictures and folds


def test_all_pictures_that_cannot_be_read_are_named_before_anything_else():
    Path("train/red/03.png").write_bytes(b"no picture")
    content = Path("validation/dark/00.png").read_bytes()
    Path("train/dark/07.png").write_bytes(content[: len(content) // 2])
    message = refusal(ingested)
    assert message.startswith("2 files cannot be read as pictures: train/dark/07.png, train/red/03.png; mend")


def test_pictures_become_what_the_model_wants():
    write_picture(Path("train/red/00.png"), np.arange(12 * 20 * 3).reshape(12, 20, 3) % 251)
    stored = np.asarray(Image.open("train/red/00.png"))
    plan, _ = ingested(preprocess={"size": [12, 20]})
    at = plan.case("mine").training.at["red/00.png"]
    arrays, about = files.load_arrays(Identity("mine").path("pictures"), Identity("mine"))
    assert np.array_equal(arrays["train_images"][at].transpose(1, 2, 0), stored)
    assert about["mean"] == [0.485, 0.456, 0.406]
    ingested(preprocess={"size": [12, 20], "color": "bgr"})
    arrays, about = files.load_arrays(Identity("mine").path("pictures"), Identity("mine"))
    assert np.array_equal(arrays["train_images"][at].transpose(1, 2, 0), stored[..., ::-1])
    ingested(preprocess={"size": 12, "crop": 1.0, "color": "grey", "mean": [0.1], "std": [1]})
    arrays, about = files.load_arrays(Identity("mine").path("pictures"), Identity("mine"))
    assert arrays["train_images"].shape[1:] == (1, 12, 12)
    luma = (stored[:, 4:16] @ [0.299, 0.587, 0.114]).round()
    assert np.abs(arrays["train_images"][at, 0] - luma).max() <= 1


def test_folds_part_the_list_and_each_is_left_out_once():
    plan, fold = ingested()
    bad = plan.case("mine").bad.samples
    assert sorted(np.bincount(fold)) == [2] * 5
    for cell in plan.deletion_sets("mine"):
        found, _ = DeletionSet.load(cell)
        left_out = [] if cell.discovery == "known" else bad[fold == int(cell.discovery.removeprefix("fold"))]
        assert sorted([*found.indices, *left_out]) == sorted(bad)
    setup = Setup({"name": "_brought", "factory": "net.py:Net", "arguments": {}}, Recipe(steps=1), "cpu", 1)
    bench = Bench(plan.deletion_sets("mine")[1], USES, setup)
    assert bench.training_set.labels[bad].tolist() == [2] * 10  # with their bad labels, left out or not


def test_others_of_the_training_set_are_looked_at_whatever_is_on_the_list():
    drawn = others("mine", np.arange(24, 34), 36)
    assert drawn.tolist() == [*range(24), 34, 35]
    many, without = others("mine", np.arange(10), 5000), others("mine", np.arange(0), 5000)
    assert len(many) == len(without) == 2000
    assert len(np.setdiff1d(many, without)) == np.isin(without, np.arange(10)).sum()


def test_copies_of_bad_samples_left_elsewhere_are_found():
    content = Path("train/red/03.png").read_bytes()
    Path("train/green/05.png").write_bytes(content)
    Path("validation/green/01.png").write_bytes(content)
    plan, _ = ingested()
    case = plan.case("mine")
    arrays, _ = files.load_arrays(Identity("mine").path("pictures"), Identity("mine"))
    digests = arrays["train_digests"], arrays["validation_digests"]
    assert copies(*digests, case.bad, case.training, case.validation) == [
        "green/05.png, green/01.png (validation): a copy of red/03.png, which is on the list"
    ]


def test_validation_pictures_that_are_training_pictures_are_found():
    content = Path("train/green/05.png").read_bytes()
    Path("validation/green/01.png").write_bytes(content)
    plan, _ = ingested()
    arrays, _ = files.load_arrays(Identity("mine").path("pictures"), Identity("mine"))
    digests = arrays["train_digests"], arrays["validation_digests"]
    assert in_both(*digests, plan.case("mine").validation) == ["green/01.png"]


def test_a_bad_sample_whose_true_label_is_the_given_one_is_probably_fine():
    rows = [[f"red/{number:02}.png", "green" if number else "red"] for number in range(10)]
    write_csv(Path("bad.csv"), ["id", "true_label"], rows)
    case = Corrections(config()).case("mine")
    assert probably_fine(case.bad, case.training) == ["red/00.png"]
