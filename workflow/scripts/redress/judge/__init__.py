"""Who says whether a correction worked where nobody knows the truth. Imports no PyTorch.

The judge knows what its user knows: which training samples were found to be bad, perhaps what their labels
should have been, and a validation set. It chooses among candidates, and no method ever sees what it knows.

    case = Case.load("mine")
    at = shortlist(case, original, candidates, settings)  # which candidates to make again without each fold
    judgement = judge(case, original, candidates, settings)
"""

from redress.formats.correction import UNKNOWN
from redress.judge.case import Candidate, Case, Outcome
from redress.judge.choice import Settings, shortlist
from redress.judge.verdict import Judgement, judge

__all__ = ["UNKNOWN", "Candidate", "Case", "Judgement", "Outcome", "Settings", "judge", "shortlist"]
