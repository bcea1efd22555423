"""Accuracies and what is made of them: functions of predictions alone (Goel et al. 2024, section 2.1).

Every argument is an integer array (N,); every result is a fraction from 0 to 1, or None where it is
undefined because there is no sample.
"""

import numpy as np


def accuracy(predictions: np.ndarray, labels: np.ndarray) -> float | None:
    """Share of predictions that equal the labels."""
    return float(np.mean(predictions == labels)) if len(labels) else None


def deletion_change(predictions: np.ndarray, given_labels: np.ndarray) -> float | None:
    """Share of S_f whose prediction differs from its given label."""
    return float(np.mean(predictions != given_labels)) if len(given_labels) else None


def attack_success_rate(predictions: np.ndarray, labels: np.ndarray, target: int) -> float | None:
    """Share of triggered samples that do not belong to the target class but are predicted as it."""
    others = labels != target
    return float(np.mean(predictions[others] == target)) if others.any() else None
