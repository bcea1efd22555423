"""Which graphics card a job takes: Snakemake counts cards, but hands out none."""

import fcntl
import itertools
import os
import tempfile
from pathlib import Path


def take_card(count: int, folder: Path | None = None) -> int:
    """The number of one of `count` cards, among those that carry the fewest jobs of this user.

    The first free one of the places (place 0 on card 0, on card 1, ..., place 1 on card 0, ...), each a
    lock that the system gives back when the process ends, however it ends.
    """
    folder = folder or Path(tempfile.gettempdir(), f"redress-cards-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    for number in itertools.count():
        place, card = divmod(number, count)
        name = f"{visible}-{card}-{place}".replace("/", "_")
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return card  # and the descriptor stays open
    raise AssertionError("there is always one more place")
