"""Jobs run by hand, and what surrounds the pipeline."""

import re
import tomllib
from argparse import Namespace
from importlib.metadata import PackageNotFoundError

import pytest
import yaml
from project import ROOT, Project

from redress import job

STAGES = [
    "prepare",
    "manipulate",
    "train",
    "evaluate",
    "importance",
    "unlearn",
    "selection",
    "save_model",
    "collect",
    "plot",
]


@pytest.mark.pipeline
@pytest.mark.parametrize("stage", STAGES)
def test_every_script_explains_itself(stage):
    done = Project(ROOT).run("python", f"workflow/scripts/{stage}.py", "--help")
    assert done.returncode == 0
    assert "--output" in done.stdout or "--selected" in done.stdout


def test_every_stage_has_a_rule_file_and_a_script():
    rules = {path.stem for path in (ROOT / "workflow/rules").glob("*.smk")} - {"common"}
    assert rules == set(STAGES) - {"save_model"}
    assert {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")} == set(STAGES)


def test_training_and_unlearning_load_nothing_they_do_not_use():
    plugins = [
        f"{package}.{path.stem}"
        for package in ("methods", "models", "manipulations", "importances")
        for path in (ROOT / "workflow/scripts" / package).glob("[a-z]*.py")
    ]
    jobs = ["train", "evaluate", "importance", "unlearn", "save_model"]
    program = f"import sys\nimport {', '.join(jobs + plugins)}\nprint(*sys.modules)"
    done = Project(ROOT / "workflow/scripts").run("python", "-c", program)
    assert done.returncode == 0, done.stderr
    heavy = {"torchvision", "pandas", "seaborn", "matplotlib", "sklearn", "scipy", "PIL", "snakemake"}
    heavy |= {"torch._dynamo", "torch._inductor"}
    assert "torch" in done.stdout.split()
    assert heavy.isdisjoint(done.stdout.split())


def locked():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = [re.match(r"([a-z0-9.-]+)==([^ ;]+)(?: ; (.*))?", line) for line in lines]
    return {(match[1], match[2]): match[3] for match in pairs if match}


@pytest.mark.parametrize("name", ["training", "results"])
def test_conda_environments_have_the_versions_of_the_lock(name):
    environment = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert "python=3.11" in environment["dependencies"]
    for requirement in pip:
        package, version = requirement.split("==")
        assert (package, version) in locked(), requirement
        marker = locked()[package, version]
        assert marker is None or "< '3.12'" in marker


def test_conda_environments_have_every_package_the_jobs_import():
    listed = {
        entry.split("==")[0]
        for name in ("training", "results")
        for part in yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())["dependencies"]
        if isinstance(part, dict)
        for entry in part["pip"]
    }
    direct = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    direct = {re.split("[>=<]", name)[0] for name in direct}
    assert direct - listed == {"snakemake", "snakemake-executor-plugin-slurm"}


def test_the_lock_pins_everything_and_names_no_registry():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert all("==" in line for line in text.splitlines() if line and not line.startswith("#"))
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {name for name, _ in locked()}
    wanted = direct["dependencies"] + direct["optional-dependencies"]["dev"]
    assert {re.split("[>=<]", name)[0] for name in wanted} <= names


def test_provenance_can_do_without_a_package_that_an_environment_lacks(monkeypatch):
    def only_torch(package):
        if package != "torch":
            raise PackageNotFoundError(package)
        return "2.15.0"

    monkeypatch.setattr(job, "version", only_torch)
    arguments = Namespace(
        seed=0, settings={"model": {"name": "resnet9"}}, manipulation="poison", config_digest=""
    )
    versions = job.provenance(arguments, "train.py")["versions"]
    assert versions["torch"] == "2.15.0"
    assert versions["snakemake"] is None
