"""A copy of the project in a temporary folder, and the real snakemake run in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent

# As documented, written down here a second time so that a change of the tables is noticed.
COLUMNS = [
    "dataset",
    "model",
    "manipulation",
    "n_manipulated",
    "seed",
    "maker",
    "discovery",
    "expansion",
    "method",
    "deletion_fraction",
    "deletion_size",
    "hyperparameters",
    "validation_accuracy",
    "deletion_change",
    "removal_test",
    "removal_train",
    "removal_train_discovered",
    "removal_train_undiscovered",
    "utility_test",
    "attack_success_rate",
    "unlearn_seconds",
    "preparation_seconds",
    "trial_seconds",
    "peak_memory_mb",
    "device",
    "attack",
]

TINY = {
    "seeds": [0],
    "deletion_fractions": [0.5, 1.0],
    "datasets": {
        "digits": {
            "validation_size": 197,
            "model": {"name": "resnet9", "width": 4},
            "recipe": {"steps": 12, "batch_size": 32, "crop_padding": 1, "flip": False},
            "manipulations": {
                "poison": {"n": [20], "patch_size": 2},
                "interclass": {"n": [20], "classes": [3, 8]},
            },
        }
    },
    "methods": {
        "eu": {"style": {"color": "#0072B2"}},
        "cf": {"grid": {"steps": 4}, "style": {"color": "#E69F00"}},
        "ssd": {
            "grid": {"alpha": [0.1, 10], "gamma_over_alpha": [0.1, 1]},
            "candidates_per_job": 50,
            "style": {"color": "#009E73"},
        },
        "badt": {"grid": {"steps": 4}, "style": {"color": "#D55E00"}},
        "scrub": {
            "grid": {"alpha": [0.1, 10], "steps": 4, "ascent_steps": 2},
            "candidates_per_job": 2,
            "style": {"color": "#CC79A7"},
        },
    },
}


# The jobs that follow every change of what was measured, and of any model of both original models of TINY.
FINAL = {"collect": 1, "summarise": 1, "plot": 1, "page": 1}
MEASURED_AGAIN = {"selection": 2, "measure": 2, **FINAL}


class Project:
    """One folder with the project's files, in which commands are run."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def copy(cls, folder: Path) -> "Project":
        """The project's own files, without environments, results and caches, copied to `folder`."""
        left_out = shutil.ignore_patterns(
            ".git", ".venv", ".snakemake", "data", "results", "__pycache__", ".*_cache", ".hypothesis"
        )
        shutil.copytree(ROOT, folder, ignore=left_out, dirs_exist_ok=True)
        return cls(folder)

    def duplicate(self, folder: Path) -> "Project":
        """This project with its results and Snakemake's records, time stamps kept."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Project(folder)

    def configure(self, config: dict) -> None:
        """Replace config.yaml."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, with its own Python's programs first on the path."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path}

    def run(self, *command: str, timeout: float = 900) -> subprocess.CompletedProcess:
        """A command in the folder, with this environment's programs first on the path."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def start(self, *command: str, **options: Any) -> subprocess.Popen:
        """The same, not waited for; `options` are subprocess.Popen's."""
        return subprocess.Popen(command, cwd=self.folder, **{"env": self.environment, **options})

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess:
        """The real snakemake, which must succeed."""
        done = self.run("snakemake", "--cores", str(cores), *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(self, *arguments: str) -> dict[str, int]:
        """How many jobs of which rule a run would do, as the dry run says."""
        text = self.snakemake("--dry-run", *arguments)
        jobs = re.findall(r"^([\w-]+) +(\d+)$", text.stdout + text.stderr, flags=re.MULTILINE)
        counts = {rule: int(count) for rule, count in jobs if rule not in ("total", "all")}
        assert counts or "Nothing to be done" in text.stdout + text.stderr
        return counts
