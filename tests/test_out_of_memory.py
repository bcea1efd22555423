"""A method that needs more memory than the GPU has ends in one line, any other failure in its traceback."""

import copy

import pytest
from project import TINY, Project

pytestmark = pytest.mark.pipeline

METHODS = {
    "greedy": r'torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore lines.")',
    "broken": 'RuntimeError("shapes do not match")',
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A project in which both methods have failed on one deletion set."""
    project = Project.copy(tmp_path_factory.mktemp("failed"))
    for name, error in METHODS.items():
        source = f"import torch\n\n\ndef unlearn(task):\n    raise {error}\n"
        (project.folder / f"workflow/scripts/methods/{name}.py").write_text(source)
    config = copy.deepcopy(TINY)
    config["deletion_fractions"] = [0.5]
    del config["datasets"]["digits"]["manipulations"]["interclass"]
    config["methods"] = {name: {} for name in METHODS}
    project.configure(config)
    done = project.run("snakemake", "--cores", "2", "--keep-going")
    assert done.returncode != 0
    assert "unlearn_greedy" in done.stdout + done.stderr
    return project.folder / "results"


def log(results, method):
    return (results / f"logs/digits/poison/n20/seed0/unlearn/{method}/0.5/default.log").read_text()


def test_an_exhausted_gpu_is_one_line_that_says_what_to_do(failed):
    lines = log(failed, "greedy").splitlines()
    assert lines[-1].startswith("error: the GPU ran out of memory at batch_size 32: try recipe.batch_size 16")
    assert [line for line in lines if line.startswith("error:")] == lines[-1:]
    assert not any("Traceback" in line or "allocate" in line for line in lines)


def test_any_other_error_of_pytorch_keeps_its_traceback(failed):
    text = log(failed, "broken")
    assert "Traceback (most recent call last):" in text
    assert 'methods/broken.py", line 5, in unlearn' in text
    assert text.splitlines()[-1] == "RuntimeError: shapes do not match"


def test_neither_leaves_a_result(failed):
    assert (failed / "runs/digits/poison/n20/seed0/original.json").is_file()
    assert list(failed.rglob("unlearn/*/0.5/*.json")) == []
