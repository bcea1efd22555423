"""Weights that somebody brings as the original model."""

from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from redress.formats.errors import BadInputError
from redress.plugins.originals import given


def network(names="abcdefg", size=3):
    return nn.ModuleDict({f"layer_{name}": nn.Linear(2, size, bias=False) for name in names})


TRAINING = SimpleNamespace(new_model=network, device=torch.device("cpu"))


def weights(**keywords):
    return {name: torch.full_like(value, 0.5) for name, value in network(**keywords).state_dict().items()}


@pytest.fixture
def make(tmp_path):
    def make(tensors):
        save_file(tensors, tmp_path / "mine.safetensors", metadata={"format": "pt"})
        return given.make(TRAINING, path=str(tmp_path / "mine.safetensors"))

    return make


def refusal(call):
    with pytest.raises(BadInputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_weights_that_fit_become_the_networks(make):
    state = make(weights()).state_dict()
    assert all(torch.equal(state[name], value) for name, value in weights().items())


def test_missing_and_further_names_are_answered_with_the_five_nearest_on_each_side(make):
    brought = {name.replace("layer_", "layr_"): value for name, value in weights().items()}
    brought["wholly.different"] = torch.ones(1)
    message = refusal(lambda: make(brought))
    assert "it lacks 7 of the network's tensors and it has 8 that the network lacks" in message
    mine, yours = message.split("the network's are ")[1].split("; the file's are ")
    assert mine == ", ".join(f"layer_{name}.weight" for name in "abcde") + " ..."
    assert yours == ", ".join(f"layr_{name}.weight" for name in "abcde") + " ..."


def test_a_single_missing_or_further_name_is_named(make):
    brought = weights()
    del brought["layer_c.weight"]
    assert refusal(lambda: make(brought)).endswith(
        "does not fit: it lacks 1 of the network's tensors; the network's are layer_c.weight"
    )
    assert refusal(lambda: make({**weights(), "bias": torch.ones(2)})).endswith(
        "does not fit: it has 1 that the network lacks; the file's are bias"
    )


def test_wrong_shapes_are_named(make):
    message = refusal(lambda: make({**weights(), "layer_b.weight": torch.ones(3, 4)}))
    assert message.endswith("does not fit: layer_b.weight is [3, 4], not [3, 2]")
    assert refusal(lambda: make(weights(size=4))).count("is [4, 2], not [3, 2]") == 5


@pytest.mark.parametrize(
    "content", [b"", b"short", b"no safetensors at all " * 9, b"\x02" + 7 * b"\0" + b"[]"]
)
def test_what_is_no_safetensors_file_is_refused_while_planning_and_later(tmp_path, content):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(content)
    expected = f"{path}: is not a safetensors file"
    assert list(given.problems(path=str(path))) == [("path", expected)]
    assert refusal(lambda: given.make(TRAINING, path=str(path))) == expected


def test_a_file_that_is_not_there_is_named(tmp_path):
    ((key, problem),) = given.problems(path=str(tmp_path / "nowhere"))
    assert key == "path"
    assert problem == f"{tmp_path / 'nowhere'}: No such file or directory"


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_file(weights(), path)
    path.write_bytes(path.read_bytes()[:-3])
    assert list(given.problems(path=str(path))) == []  # its header is whole
    assert f"{path}: is a damaged safetensors file" in refusal(lambda: given.make(TRAINING, path=str(path)))


def test_the_file_is_what_the_original_depends_on():
    assert given.inputs(path="weights/mine.safetensors") == ["weights/mine.safetensors"]
