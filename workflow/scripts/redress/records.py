"""The record of one candidate: what a results file holds and a row of candidates.csv is made of."""

import argparse
from typing import Any

MEASURED = (
    "validation_accuracy",
    "deletion_change",
    "removal_test",
    "removal_train",
    "removal_train_discovered",
    "removal_train_undiscovered",
    "utility_test",
    "attack_success_rate",
)
"""What is measured on a model, as fractions from 0 to 1."""

COLUMNS = (
    "dataset",
    "model",
    "manipulation",
    "n_manipulated",
    "seed",
    "method",
    "deletion_fraction",
    "deletion_size",
    "hyperparameters",
    *MEASURED,
    "unlearn_seconds",
    "preparation_seconds",
    "peak_memory_mb",
    "device",
)


def record(
    arguments: argparse.Namespace,
    method: str,
    measured: dict[str, Any],
    device: str,
    provenance: dict[str, Any],
    **more: Any,
) -> dict[str, Any]:
    """A record with every one of COLUMNS, None where a column does not apply, and its provenance."""
    known = {
        "dataset": arguments.dataset,
        "model": arguments.settings["model"]["name"],
        "manipulation": arguments.manipulation,
        "n_manipulated": arguments.n,
        "seed": arguments.seed,
        "method": method,
        "device": device,
        **measured,
        **more,
    }
    return {**dict.fromkeys(COLUMNS), **known, "provenance": provenance}
