"""Bound of removal: all of S_m was found, and exact unlearning has forgotten it."""

import numpy as np

from redress.formats.alterations import View
from redress.formats.contents import TrainingView, Truth


def train_on(truth: Truth, training: TrainingView) -> tuple[View, np.ndarray, np.ndarray]:
    """S_tr as the developer has it, without all of S_m."""
    samples = np.arange(len(training.given_labels))
    return training.view, training.given_labels, np.setdiff1d(samples, truth.manipulated)
