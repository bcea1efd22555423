"""A job runs again when code that it uses has changed, and for no other reason."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from redress.sources import SCRIPTS, closure, fingerprint

JOBS = {
    "prepare.py": ["datasets/digits.py"],
    "manipulate.py": ["manipulations/interclass.py"],
    "examples.py": ["manipulations/poison.py"],
    "train.py": ["manipulations/poison.py", "models/resnet9.py"],
    "evaluate.py": ["manipulations/interclass.py", "models/resnet9.py"],
    "importance.py": ["manipulations/poison.py", "models/resnet9.py", "importances/fisher_batch.py"],
    "unlearn.py": ["manipulations/poison.py", "models/resnet9.py", "methods/scrub.py"],
    "save_model.py": ["manipulations/poison.py", "models/resnet9.py", "methods/ssd.py"],
    "selection.py": [],
    "collect.py": [],
    "summarise.py": [],
    "plot.py": [],
    "page.py": [],
}
"""Every script and the files it loads by name."""

# Import the files of one job after the other, and say which files of the project each one loaded.
IMPORT = """
import importlib, json, sys
from pathlib import Path
root = Path(sys.argv[1])
sys.path.insert(0, str(root))
loaded = {}
for script, plugins in json.loads(sys.argv[2]).items():
    ours = lambda: {
        name: Path(module.__file__) for name, module in sys.modules.items()
        if getattr(module, "__file__", None) and root in Path(module.__file__).parents
    }
    for name in ours():
        del sys.modules[name]
    for file in [script, *plugins]:
        importlib.import_module(file.removesuffix(".py").replace("/", "."))
    loaded[script] = sorted(str(path.relative_to(root)) for path in ours().values())
print(json.dumps(loaded))
"""


def names_in_closure(*files):
    return {str(path.relative_to(SCRIPTS)) for path in closure(*files)}


@pytest.fixture(scope="module")
def really_imported():
    command = [sys.executable, "-c", IMPORT, str(SCRIPTS), json.dumps(JOBS)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_every_script_of_the_project_is_looked_at():
    assert set(JOBS) == {path.name for path in SCRIPTS.glob("*.py")}


@pytest.mark.parametrize("script", JOBS)
def test_the_closure_holds_every_file_that_is_really_imported(really_imported, script):
    assert script in really_imported[script]
    assert "redress/files.py" in really_imported[script]
    assert set(really_imported[script]) <= names_in_closure(script, *JOBS[script])


@pytest.mark.parametrize("script", JOBS)
def test_the_closure_holds_nothing_that_is_not_imported(really_imported, script):
    assert names_in_closure(script, *JOBS[script]) <= set(really_imported[script])


@pytest.mark.parametrize("method", ["badt", "cf", "eu", "scrub", "ssd"])
def test_a_methods_file_is_in_its_own_jobs_only(method):
    others = {f"methods/{name}.py" for name in ("badt", "cf", "eu", "scrub", "ssd")} - {
        f"methods/{method}.py"
    }
    own = names_in_closure("unlearn.py", f"methods/{method}.py")
    assert f"methods/{method}.py" in own
    assert own.isdisjoint(others)


@pytest.mark.parametrize(
    ("script", "untouched_by"),
    [
        ("train.py", ["redress/evaluation.py", "redress/metrics.py", "methods/ssd.py", "unlearn.py"]),
        ("train.py", ["redress/selection.py", "redress/figures.py", "redress/tables.py"]),
        ("unlearn.py", ["redress/selection.py", "redress/figures.py", "redress/tables.py", "train.py"]),
        ("unlearn.py", ["redress/experiment.py", "redress/checks.py", "datasets/digits.py"]),
        ("importance.py", ["redress/evaluation.py", "methods/ssd.py"]),
        ("selection.py", ["redress/evaluation.py", "redress/training.py"]),
        ("plot.py", ["redress/tables.py", "redress/training.py"]),
        ("manipulate.py", ["redress/training.py", "redress/recipe.py"]),
    ],
)
def test_a_job_does_not_run_again_for_code_of_other_stages(script, untouched_by):
    assert names_in_closure(script, *JOBS[script]).isdisjoint(untouched_by)


def test_the_closure_is_sorted_and_holds_each_file_once():
    found = closure("unlearn.py", "methods/ssd.py", "unlearn.py")
    assert found == sorted(set(found))


# In a copy of the scripts


@pytest.fixture
def scripts(tmp_path):
    copied = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


def fingerprints_in(scripts):
    """Fingerprints of all jobs, taken by a fresh process from the code in `scripts`."""
    code = "import json, sys; from redress.sources import fingerprint\n"
    code += "jobs = json.loads(sys.argv[1])\n"
    code += "print(json.dumps({script: fingerprint(script, *files) for script, files in jobs.items()}))"
    environment = {**os.environ, "PYTHONPATH": str(scripts), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, json.dumps(JOBS)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(answer.stdout)


def jobs_that_change(scripts, file, edit):
    before = fingerprints_in(scripts)
    edit(scripts / file)
    after = fingerprints_in(scripts)
    return {script for script in JOBS if before[script] != after[script]}


def add_a_comment(path):
    path.write_bytes(path.read_bytes() + b"#")


EVERY_JOB = set(JOBS)
WITH_A_MODEL = {"train.py", "evaluate.py", "importance.py", "unlearn.py", "save_model.py"}


@pytest.mark.parametrize(
    ("file", "jobs"),
    [
        ("redress/files.py", EVERY_JOB),
        ("redress/training.py", WITH_A_MODEL),
        ("models/_celu.py", WITH_A_MODEL),
        ("redress/evaluation.py", {"evaluate.py", "unlearn.py", "save_model.py"}),
        ("redress/selection.py", {"selection.py"}),
        ("redress/figures.py", {"plot.py"}),
        ("redress/styles.py", {"plot.py", "page.py"}),
        ("redress/statistics.py", {"summarise.py", "plot.py", "page.py"}),
        ("redress/charts.py", {"page.py"}),
        ("methods/ssd.py", {"save_model.py"}),
        ("datasets/digits.py", {"prepare.py"}),
        ("methods/cf.py", set()),
    ],
)
def test_one_byte_makes_exactly_the_jobs_run_again_that_use_the_file(scripts, file, jobs):
    assert jobs_that_change(scripts, file, add_a_comment) == jobs


def test_touching_a_file_changes_nothing(scripts):
    assert jobs_that_change(scripts, "redress/files.py", lambda path: os.utime(path, (1, 1))) == set()


def test_moving_the_project_changes_nothing(scripts):
    assert fingerprints_in(scripts) == {script: fingerprint(script, *JOBS[script]) for script in JOBS}


def test_a_new_import_is_followed(scripts):
    def import_a_new_file(path):
        (scripts / "redress/new.py").write_text("from redress import figures\n")
        path.write_text("from redress import new\n" + path.read_text())

    jobs_that_change(scripts, "redress/selection.py", import_a_new_file)
    names = [entry.split("@")[0] for entry in fingerprints_in(scripts)["selection.py"]]
    assert "redress/new.py" in names
    assert "redress/figures.py" in names
    assert jobs_that_change(scripts, "redress/new.py", add_a_comment) == {"selection.py"}


def test_a_fingerprint_is_the_beginning_of_a_sha256(scripts):
    for entry in fingerprints_in(scripts)["unlearn.py"]:
        name, digest = entry.split("@")
        assert digest == hashlib.sha256(Path(SCRIPTS, name).read_bytes()).hexdigest()[: len(digest)]
        assert len(digest) >= 12
