"""What is to be run on one original model, as selection and measuring are told it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redress.formats.candidates import EXPANSION, setting_in
from redress.formats.identity import Identity

TRIAL = ".trial"
"""What is added to the name of a discovery whose deletion sets lack what is held out from them."""

Place = tuple[Identity, tuple[str, ...]]
"""A deletion set with a method, and the names of candidates that run there."""


@dataclass(frozen=True)
class Block:
    """One method's candidates on the deletion sets of one discovery."""

    method: str
    discovery: str
    expansion: str | tuple[str, ...]
    """Who grows them: one, or several that are chosen among. Then every candidate's name says its own, and
    each is made a second time, on trial, where a part of S_f is held out to compare them on."""
    shares: tuple[str, ...]
    candidates: tuple[str, ...]
    """Names, in grid order."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Block":
        """A block as the command line gives it."""
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
        }
        return cls(**given)

    def cells(self, original: Identity) -> Iterator[Identity]:
        """What names each of its deletion sets, before any of several expansions."""
        expansion = self.expansion if isinstance(self.expansion, str) else "+".join(self.expansion)
        for share in self.shares:
            yield original.having(
                method=self.method, discovery=self.discovery, expansion=expansion, share=share
            )

    def places(self, cell: Identity) -> Iterator[Place]:
        """Where its candidates run, in grid order."""
        if isinstance(self.expansion, str):
            yield cell, self.candidates
            return
        for expansion in self.expansion:
            own = tuple(name for name in self.candidates if setting_in(name, EXPANSION) == expansion)
            yield cell.having(expansion=expansion), own

    def trials(self, cell: Identity) -> Iterator[Place]:
        """Where they run on trial, likewise: nowhere without a choice among expansions."""
        if not isinstance(self.expansion, str):
            for place, names in self.places(cell):
                yield place.having(discovery=f"{place.discovery}{TRIAL}"), names
