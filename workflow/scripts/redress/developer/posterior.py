"""How likely each training sample is manipulated, from the ranking that a deletion set was grown by.

S_f says of some samples that they are, and nothing of the others: positive and unlabelled samples. If S_f is
a uniform part c of S_m, then P(found | score) = c P(manipulated | score), and of a sample that was not found

    P(manipulated | score, not found) = (1 - c) / c * g / (1 - g),  g = P(found | score)

(Elkan and Noto 2008, equations 2 and 3). g is an isotonic regression on the scores, those of S_f being held
out by the expansion, and c its mean over S_f. As in the cut, most of a label's samples are taken to be clean:
where they would not be, the likelihoods of the label are scaled down. A ranking that says nothing, as one of
a single sample may, then makes no difference between samples of a label.
"""

import torch
from torch import Tensor

from redress.developer.task import Growth


def posterior(growth: Growth, labels: Tensor) -> Tensor:
    """Of every training sample, float32 (N,) from 0 to 1; 1 of what was found. `labels` are given ones."""
    from sklearn.isotonic import IsotonicRegression  # takes seconds to import

    is_found = torch.zeros_like(growth.scores)
    is_found[growth.found] = 1
    scores, known = (part.double().cpu().numpy() for part in (growth.scores, is_found))
    of_found = torch.from_numpy(IsotonicRegression().fit(scores, known).predict(scores)).to(is_found)
    share = of_found[growth.found].mean()
    odds = of_found / (1 - of_found).clamp(min=1e-9)
    likely = ((1 - share) / share * odds).clamp(max=1)
    likely[growth.found] = 0
    sizes, counts, sums = (
        torch.zeros(int(labels.max()) + 1).to(likely).index_add(0, labels, part)
        for part in (torch.ones_like(likely), is_found, likely)
    )
    allowed = (sizes / 2 - counts).clamp(min=0)
    likely *= (allowed / sums.clamp(min=1e-9)).clamp(max=1)[labels]
    likely[growth.found] = 1
    return likely
