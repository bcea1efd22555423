"""What is to be run on one original model, as selection and measuring are told it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redress.formats.identity import Identity


@dataclass(frozen=True)
class Block:
    """One method's candidates on the deletion sets of one discovery."""

    method: str
    discovery: str
    expansion: str
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
        """What names each of its deletion sets."""
        for share in self.shares:
            yield original.having(
                method=self.method, discovery=self.discovery, expansion=self.expansion, share=share
            )
