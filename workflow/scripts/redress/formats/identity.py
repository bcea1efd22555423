"""What a result is and where it is kept: the only place that knows paths and the columns that name a row."""

from dataclasses import dataclass, replace
from typing import Any

RUN = "results/runs/{dataset}/{manipulation}/n{n}/seed{seed}"
ORIGINAL = f"{RUN}/{{maker}}"
CELL = "{method}/{discovery}/{share}"

PLACES = {
    "pictures": "results/data/{dataset}.safetensors",
    "true_labels": "results/truth/{dataset}/labels.safetensors",
    "case": "results/truth/{dataset}/case.json",
    "planted": "results/truth/{dataset}/planted.json",
    "verdict": "results/corrections/{dataset}/verdict.json",
    "truth": "results/truth/{dataset}/{manipulation}/n{n}/seed{seed}.safetensors",
    "training_set": f"{RUN}/training_set.safetensors",
    "probes": f"{RUN}/probes.safetensors",
    "bound": f"{RUN}/bounds/{{bound}}.safetensors",
    "original": f"{ORIGINAL}/original.safetensors",
    "predictions": f"{ORIGINAL}/predictions.safetensors",
    "training_log": f"{ORIGINAL}/training_log.safetensors",
    "deletion_set": f"{ORIGINAL}/deletion_sets/{{expansion}}/{{discovery}}/{{share}}.safetensors",
    "suspects": f"{ORIGINAL}/deletion_sets/{{expansion}}/{{discovery}}/{{share}}.suspects.csv",
    "importance": f"{ORIGINAL}/importance/{{importance}}/{{over}}.safetensors",
    "candidate": f"{ORIGINAL}/unlearn/{CELL}/{{candidate}}.safetensors",
    "selection": f"{ORIGINAL}/selection.json",
    "measures": f"{ORIGINAL}/measures.json",
    "notes": "results/truth/{dataset}/notes.json",
    "afforded": "results/corrections/{dataset}/afforded.json",
    "shortlist": "results/corrections/{dataset}/shortlist.json",
    "checks": "results/corrections/{dataset}/checks.json",
    "checked": "results/corrections/{dataset}/checks.txt",
    "choice": "results/corrections/{dataset}/choice.json",
    "rehearsal": "results/corrections/{dataset}/rehearsal.json",
    "repaired": "results/corrections/{dataset}/repaired.safetensors",
    "suspected": "results/corrections/{dataset}/suspected.safetensors",
    "model": f"{ORIGINAL}/models/{CELL}.safetensors",
}
"""Every kind of result with the pattern of its path. Below results/truth/ is what no developer has."""

PLAIN = "none"
"""The expansion of a deletion set that nobody has grown."""

WHOLE = "training_set"
"""`over` of an importance that is taken over all of S_tr; else it is `expansion/discovery/share`."""

BROUGHT = "brought"
"""The manipulation and the maker of a model that somebody brings: nobody here knows either."""

OF_RUN = ("dataset", "manipulation", "n", "seed")
OF_ORIGINAL = (*OF_RUN, "maker")
OF_BOUND = (*OF_RUN, "bound")
OF_DELETION_SET = (*OF_ORIGINAL, "discovery", "share", "expansion")
OF_CANDIDATES = (*OF_DELETION_SET, "method")
OF_IMPORTANCE = (*OF_ORIGINAL, "importance", "over")
"""The names that a kind of result has."""

NAMES = ("dataset", "model", "manipulation", "n_manipulated", "seed", "maker", "discovery", "expansion")
COLUMNS = (*NAMES, "method", "deletion_fraction", "deletion_size", "hyperparameters")
"""The columns of a table that say which model a row is about."""


@dataclass(frozen=True)
class Identity:
    """Names of a result, from the dataset down to the candidate; None where it has no such name."""

    dataset: str
    manipulation: str | None = None
    n: int | None = None
    seed: int | None = None
    maker: str | None = None
    """Who made the original model: a block of `originals`."""
    discovery: str | None = None
    """Who found the deletion set: a block of `discoveries`."""
    share: str | None = None
    """|S_f|/|S_m| as written in paths, such as 0.5."""
    expansion: str | None = None
    """Who grew the deletion set: a block of `expansions`, or PLAIN."""
    method: str | None = None
    candidate: str | None = None
    importance: str | None = None
    over: str | None = None
    bound: str | None = None
    """What was trained with the truth at hand: a file in plugins/bounds/."""

    def __post_init__(self) -> None:
        for number in ("n", "seed"):
            given = getattr(self, number)
            if given is not None:
                object.__setattr__(self, number, int(given))

    def path(self, kind: str) -> str:
        """Where the result of this `kind`, a key of PLACES, is kept; relative to the project's folder."""
        return PLACES[kind].format_map(vars(self))

    def kind_at(self, path: Any) -> str | None:
        """The kind of its results that is kept at `path`; None for any other place."""
        return next((kind for kind in PLACES if self.path(kind) == str(path)), None)

    def having(self, **names: Any) -> "Identity":
        """The same with other or further names."""
        return replace(self, **names)

    @property
    def names(self) -> dict[str, Any]:
        """The names it has, for a file to say what it is."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def run(self) -> "Identity":
        """The part that names what the adversary did."""
        return Identity(self.dataset, self.manipulation, self.n, self.seed)

    @property
    def original(self) -> "Identity":
        """The part that names an original model."""
        return self.run.having(maker=self.maker)

    def seeded_by(self, manipulation: str) -> tuple[str, str, int, int]:
        """The names from which everything random in its run follows.

        `manipulation` is the file behind the block: a block that is called otherwise draws the same.
        """
        return self.dataset, manipulation, int(self.n or 0), int(self.seed or 0)

    @property
    def fraction(self) -> float | None:
        """|S_f|/|S_m|."""
        return None if self.share is None else float(self.share)
