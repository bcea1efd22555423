"""What only the truth can measure: repair, and the harm done on the way (Goel et al. 2024, section 2.1)."""

import numpy as np

from redress.formats.measures import Known, accuracy, measure


@measure(
    label="Accuracy on affected test images",
    axis="Accuracy on {affected} (%)",
)
def removal_test(known: Known) -> float | None:
    """Clean-label accuracy on test samples of D_m."""
    return accuracy(known.affected, known.affected_labels)


@measure(
    label="Accuracy on manipulated training images",
    axis="Accuracy on manipulated training images (%)",
)
def removal_train(known: Known) -> float | None:
    """Clean-label accuracy on S_m as trained, found or not."""
    return accuracy(known.manipulated, known.manipulated_labels)


@measure(label="Accuracy on discovered manipulated images")
def removal_train_discovered(known: Known) -> float | None:
    """The same on the part of S_m that is in S_f."""
    found = known.discovered
    return accuracy(known.manipulated[found], known.manipulated_labels[found])


@measure(label="Accuracy on undiscovered manipulated images")
def removal_train_undiscovered(known: Known) -> float | None:
    """The same on the part of S_m that is not in S_f."""
    rest = ~known.discovered
    return accuracy(known.manipulated[rest], known.manipulated_labels[rest])


@measure(
    label="Accuracy on unaffected test images (utility)",
    axis="Accuracy on {unaffected} (%)",
)
def utility_test(known: Known) -> float | None:
    """Accuracy on test samples outside D_m."""
    return accuracy(known.unaffected, known.unaffected_labels)


@measure(
    label="Attack success rate",
    better="lower",
    applies=lambda known: known.attack_target is not None,
    otherwise="the attack has no target class",
)
def attack_success_rate(known: Known) -> float | None:
    """Share of D_m's samples of other classes than the attack's that are predicted as it."""
    others = known.affected_labels != known.attack_target
    return float(np.mean(known.affected[others] == known.attack_target)) if others.any() else None
