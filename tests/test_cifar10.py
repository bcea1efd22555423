"""Real CIFAR-10 images, as JPEG files in folders, through the pipeline with a tiny network and few steps."""

import copy
import os
import tarfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from project import ROOT, TINY, Project

ARCHIVE = Path(os.environ.get("REDRESS_CIFAR10_JPEG", ROOT.parent / "shared/data/cifar10-jpeg.tar.xz"))
PER_CLASS = {"train": 60, "test": 40}


@pytest.mark.slow
@pytest.mark.skipif(not ARCHIVE.exists(), reason=f"no archive of CIFAR-10 images at {ARCHIVE}")
def test_cifar10_from_a_folder_of_images(tmp_path):
    project = Project.copy(tmp_path / "project")
    kept = Counter()
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            if member.isfile():
                part, name, _ = member.name.removeprefix("./").split("/")
                kept[part, name] += 1
                if kept[part, name] <= PER_CLASS[part]:
                    archive.extract(member, project.folder / "data/cifar10", filter="data")
    config = copy.deepcopy(TINY)
    block = config["datasets"].pop("digits")
    config["datasets"]["cifar10"] = {
        "source": {"name": "folder", "path": "data/cifar10", "image_size": 32},
        "model": block["model"],
        "recipe": {"steps": 6, "batch_size": 32},
        "validation_size": 0.2,
        "manipulations": {"poison": {"n": [10]}, "interclass": {"n": [10], "classes": ["cat", "dog"]}},
    }
    config["deletion_fractions"] = [0.5]
    project.configure(config)
    project.snakemake()
    rows = pd.read_csv(project.folder / "results/tables/candidates.csv")
    assert set(rows["method"]) == {"original", *config["methods"]}
    assert rows["validation_accuracy"].dropna().between(0, 1).all()
    # Accuracies are multiples of one over the number of test images: 320 of the 400 are left to report on.
    clean = rows.loc[rows["manipulation"] == "poison", "utility_test"] * 320
    assert (clean - clean.round()).abs().max() < 1e-9
    assert (project.folder / "results/figures/figure2_poison_removal.png").exists()
