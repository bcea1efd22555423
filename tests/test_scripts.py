"""Jobs run by hand, and what surrounds the pipeline."""

import ast
import json
import re
import sys
import tomllib
from argparse import Namespace
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import yaml
from project import ROOT, Project
from safetensors import safe_open

from redress import job
from redress.files import save_arrays
from redress.sources import SCRIPTS, closure

STAGES = [
    "prepare",
    "manipulate",
    "examples",
    "train",
    "evaluate",
    "importance",
    "unlearn",
    "selection",
    "save_model",
    "collect",
    "summarise",
    "plot",
    "page",
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


def imported_packages(path):
    """The packages from outside that a file imports, at its top or within."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    own = {path.stem for path in SCRIPTS.iterdir()}
    tops = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - own
    return {{"PIL": "pillow", "yaml": "pyyaml", "sklearn": "scikit-learn"}.get(name, name) for name in tops}


@pytest.mark.parametrize("rules", sorted((ROOT / "workflow/rules").glob("*.smk")), ids=lambda path: path.stem)
def test_a_rules_environment_has_what_its_script_imports(rules):
    pairs = re.findall(r'envs/(\w+)\.yaml".*?script=script\("(\w+)"', rules.read_text(), flags=re.DOTALL)
    assert len(pairs) == rules.read_text().count("conda:")
    for environment, script in pairs:
        (pip,) = (
            entry["pip"]
            for entry in yaml.safe_load((ROOT / f"envs/{environment}.yaml").read_text())["dependencies"]
            if isinstance(entry, dict)
        )
        needed = set().union(*(imported_packages(path) for path in closure(f"{script}.py")))
        assert needed <= {requirement.split("==")[0] for requirement in pip}, script


def test_the_lock_pins_everything_and_names_no_registry():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert all("==" in line for line in text.splitlines() if line and not line.startswith("#"))
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {name for name, _ in locked()}
    wanted = direct["dependencies"] + direct["optional-dependencies"]["dev"]
    assert {re.split("[>=<]", name)[0] for name in wanted} <= names


def test_provenance_can_do_without_a_package_that_an_environment_lacks(monkeypatch, tmp_path):
    def only_torch(package):
        if package != "torch":
            raise PackageNotFoundError(package)
        return "2.15.0"

    monkeypatch.setattr(job, "version", only_torch)
    data = tmp_path / "data.safetensors"
    save_arrays(data, {"labels": np.arange(3)}, {})
    arguments = Namespace(
        seed=0, settings={"model": {"name": "resnet9"}}, manipulation="poison", config_digest="", data=data
    )
    made_by = job.provenance(arguments, "train.py")
    header = safe_open(data, framework="numpy").metadata()["redress"]
    assert made_by["data"] == json.loads(header)["sha256"]
    versions = made_by["versions"]
    assert versions["torch"] == "2.15.0"
    assert versions["snakemake"] is None
