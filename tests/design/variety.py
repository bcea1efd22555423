"""How varied predictions are."""

import numpy as np

from redress.formats.measures import Known, measure


@measure(label="Classes seen in affected test images", unit="classes")
def classes_predicted(known: Known) -> float:
    """The number of distinct classes predicted on D_m."""
    return float(len(np.unique(known.affected)))
