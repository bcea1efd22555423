"""Jobs run by hand, and what surrounds the pipeline."""

import ast
import re
import sys
import tomllib
from argparse import Namespace
from importlib.metadata import PackageNotFoundError

import pytest
import yaml
from project import ROOT, Project

from redress.launch import job
from redress.plan.sources import SCRIPTS, closure


def test_a_script_explains_itself():
    done = Project(ROOT).run("python", "workflow/scripts/unlearn.py", "--help")
    assert done.returncode == 0
    assert "what the record says about config and code" in done.stdout


def test_every_stage_has_a_script_and_a_rule_file_that_the_snakefile_includes_once():
    snakefile = (ROOT / "workflow/Snakefile").read_text()
    included = re.findall(r'^ *include: "rules/(\w+)\.smk"$', snakefile, flags=re.MULTILINE)
    assert sorted(included) == sorted(path.stem for path in (ROOT / "workflow/rules").glob("*.smk"))
    stages = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    assert set(included) - {"common", "after_failures", "look_again"} == stages


HEAVY = {"torchvision", "pandas", "seaborn", "matplotlib", "sklearn", "scipy", "PIL", "snakemake"}
HEAVY |= {"torch._dynamo", "torch._inductor"}
RANKING = {"pandas", "sklearn", "scipy"}
"""What finds more of S_m has these to thank, and no other job of the developer's has to load them."""


@pytest.mark.parametrize(
    ("jobs", "packages", "unwanted"),
    [
        (
            ["train", "importance", "unlearn", "save_model"],
            ["originals", "importances", "methods", "models"],
            HEAVY,
        ),
        (["expand"], ["expansions", "models"], HEAVY - RANKING),
    ],
)
def test_the_developers_jobs_load_nothing_they_do_not_use(jobs, packages, unwanted):
    plugins = [
        f"redress.plugins.{package}.{path.stem}"
        for package in packages
        for path in (SCRIPTS / "redress/plugins" / package).glob("[a-z]*.py")
    ]
    program = f"import sys\nimport {', '.join(jobs + plugins)}\nprint(*sys.modules)"
    done = Project(SCRIPTS).run("python", "-c", program)
    assert done.returncode == 0, done.stderr
    assert "torch" in done.stdout.split()
    assert unwanted.isdisjoint(done.stdout.split()), unwanted & set(done.stdout.split())


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
    text = rules.read_text()
    environments = re.findall(r'envs/(\w+)\.yaml"', text)
    if "use rule train as" in text:
        environments.append("training")
    scripts = re.findall(r"""\b(?:script|job)\(\s*["'](\w+)""", text)
    if len(environments) == 1:  # of one rule, which may run several
        environments *= len(scripts)
    for environment, script in zip(environments, scripts, strict=True):
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


def test_provenance_can_do_without_a_package_that_an_environment_lacks(monkeypatch):
    def only_torch(package):
        if package != "torch":
            raise PackageNotFoundError(package)
        return "2.15.0"

    monkeypatch.setattr(job, "version", only_torch)
    told = Namespace(seed=0, model={"name": "resnet9"}, threads=1, made_by={"config": "c", "commit": None})
    made_by = job.provenance(told)
    assert made_by["settings"] == {"model": {"name": "resnet9"}, "threads": 1}
    assert (made_by["config"], made_by["commit"], made_by["sources"]) == ("c", None, None)
    versions = made_by["versions"]
    assert versions["torch"] == "2.15.0"
    assert versions["snakemake"] is None
