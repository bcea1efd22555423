"""Tables, figures and the page: what people read, and what cannot say of itself what it is.

So `.seals/NAME` in the folder of such a product holds its SHA-256, and whoever reads a table or plans a run
sees whether it is still what was made. A copy of a table elsewhere has no seal and is its reader's business.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redress.formats import files
from redress.formats.errors import DamagedFileError

SEALS = ".seals"


def _seal(path: Path) -> Path:
    return path.parent / SEALS / path.name


@contextmanager
def sealed(path: str | Path) -> Iterator[Path]:
    """As `files.atomic`, and the product gets its seal. The seal comes first: who is interrupted between the
    two leaves a product that does not fit it and is made again.
    """
    with files.atomic(path) as temporary:
        yield temporary
        with files.atomic(_seal(Path(path))) as noted:
            noted.write_text(f"{files.sha256(temporary)}\n")


def is_sealed(path: str | Path) -> bool:
    """Whether a product has a seal, be it its own or not."""
    return _seal(Path(path)).is_file()


def is_intact(path: str | Path) -> bool:
    """Whether a product is there and is what was made."""
    path = Path(path)
    if not path.is_file() or not is_sealed(path):
        return False
    return _seal(path).read_bytes().split() == [files.sha256(path).encode()]


def check(path: str | Path) -> None:
    """Raise DamagedFileError for a product in a place of its own that is not what was made."""
    if (Path(path).parent / SEALS).is_dir() and not is_intact(path):
        raise DamagedFileError(path, "was changed after it was made")


def remove_others(folder: str | Path, wanted: set[str]) -> list[Path]:
    """Remove from `folder` and below it every product, as its seal tells, that is not among `wanted` paths.

    What somebody else has put there has no seal and stays. Returns what was removed.
    """
    removed = []
    for seal in sorted(Path(folder).rglob(f"{SEALS}/*")):
        product = seal.parent.parent / seal.name
        if str(product) not in wanted:
            product.unlink(missing_ok=True)
            seal.unlink()
            removed.append(product)
    return removed
