"""Every method on every kind of device, with the real snakemake: the same numbers however jobs are cut."""

import copy

import pandas as pd
import pytest
import torch
import yaml
from project import ROOT, TINY, Project

from redress.plan.experiment import has_gpu

COSTS = ["unlearn_seconds", "preparation_seconds", "peak_memory_mb"]  # what was measured, and may differ

pytestmark = pytest.mark.slow

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not has_gpu(), reason="needs an NVIDIA GPU"))]


def every_method(device: str, **changes: object) -> dict:
    """The plane's methods and both of its makers on tiny networks, two candidates of each method at most."""
    plane = yaml.safe_load((ROOT / "config/plane-digits.yaml").read_text())
    small = copy.deepcopy(TINY) | {"device": device, "deletion_fractions": [0.5]}
    small |= {key: plane[key] for key in ("originals", "methods")}
    for block in small["methods"].values():
        grid = block.get("grid", {})
        for name, values in grid.items():
            values = values[:2] if isinstance(values, list) else values
            grid[name] = {"steps": 4, "ascent_steps": 2}.get(name, values)
        block |= {"candidates_per_job": 4} | changes
    return small


def run(folder, config, cores: int, *arguments: str) -> tuple[Project, pd.DataFrame]:
    project = Project.copy(folder)
    project.configure(config)
    project.snakemake(*arguments, cores=cores)
    return project, pd.read_csv(project.folder / "results/tables/candidates.csv")


@pytest.mark.parametrize("device", DEVICES)
def test_numbers_do_not_depend_on_how_jobs_are_cut_and_run(tmp_path, device):
    _, together = run(tmp_path / "a", every_method(device), 2, "--resources", "gpu=1")
    single = every_method(device, candidates_per_job=1)
    project, apart = run(tmp_path / "b", single, 4, "--resources", "gpu=4")
    assert len(together) > 60
    pd.testing.assert_frame_equal(together.drop(columns=COSTS), apart.drop(columns=COSTS))
    if device == "cuda":
        names = {torch.cuda.get_device_name(card) for card in range(torch.cuda.device_count())}
        assert set(together["device"]) <= names
        assert (together["unlearn_seconds"].dropna() > 0).all()
    else:
        assert together["device"].str.startswith("cpu").all()
    page = (project.folder / "results/report.html").read_text()
    assert together["device"].iloc[0] in page
