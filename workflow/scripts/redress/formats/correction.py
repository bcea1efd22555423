"""What the rooms of a correction say to each other: words for its parts, and what was checked."""

from dataclasses import dataclass

KNOWN, FOLD, GROUP = "known", "fold", "group"
"""The discoveries of all of S_f and, with a number behind it, of S_f without a part."""

NOT_YET = "not run yet"
"""Why a candidate is missing from a page that was made after failures, where it did not fail itself."""

UNCHANGED = "unchanged"
"""Of weights that are handed out as they were brought: what their file's header says."""

UNKNOWN = -1
"""In the place of a true label that nobody knows."""

FEWEST = 10
"""Below so many bad samples there is no verdict: of ten, nine healed may mean three fifths as well as all."""


@dataclass(frozen=True)
class Check:
    """What was looked at, whether all is well with it, and what was found, in a line."""

    about: str
    well: bool
    found: str
    """What was found and, where not all is well, what to do."""
