"""A job that needs more memory than the GPU has ends in one line, any other failure in its traceback."""

import json
import sys

import pytest
import torch

from redress.formats.errors import BadInputError
from redress.launch.job import add_setup, parser, run

TOO_MUCH = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore lines.")


def end_of_job(monkeypatch, error, recipe):
    """What `run` raises where the job raises `error`."""

    def main(arguments):
        raise error

    cli = parser("A job.", "dataset", "seed")
    add_setup(cli)
    command = ["--dataset", "digits", "--seed", "0", "--uses", "{}", "--model", "{}"]
    monkeypatch.setattr(sys, "argv", ["job.py", *command, "--recipe", json.dumps(recipe)])
    with pytest.raises(BaseException) as caught:
        run(main, cli)
    return caught.value


@pytest.mark.parametrize(
    ("recipe", "size", "half"),
    [
        ({"steps": 1, "batch_size": 32}, 32, 16),
        ({"steps": 1, "batch_size": 1}, 1, 1),
        ({"steps": 1}, 512, 256),
    ],
)
def test_an_exhausted_gpu_is_one_line_that_says_what_to_do(monkeypatch, recipe, size, half):
    end = end_of_job(monkeypatch, TOO_MUCH, recipe)
    assert isinstance(end, SystemExit)
    expected = (
        f"error: the GPU ran out of memory at batch_size {size}: try recipe.batch_size {half}, or fewer"
    )
    assert str(end).startswith(expected)
    assert "\n" not in str(end)
    assert "allocate" not in str(end)


def test_any_other_error_of_pytorch_keeps_its_traceback(monkeypatch):
    error = RuntimeError("shapes do not match")
    assert end_of_job(monkeypatch, error, {"steps": 1}) is error


@pytest.mark.parametrize("error", [BadInputError("a: no way"), OSError("a: no way")])
def test_what_a_user_can_mend_is_one_line(monkeypatch, error):
    end = end_of_job(monkeypatch, error, {"steps": 1})
    assert isinstance(end, SystemExit)
    assert str(end) == "error: a: no way"
