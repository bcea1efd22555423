"""Pictures decoded once, in the size and the channels that the model wants."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from redress.formats.errors import BadInputError
from redress.formats.images import as_seen

log = logging.getLogger("redress")

SOME = 3


def decoded(files: Sequence[str], preprocess: Mapping[str, Any]) -> Iterator[np.ndarray]:
    """Each picture, uint8 (C, H, W). Raises BadInputError in the end, for all that cannot be read."""
    from PIL import Image

    unreadable = []
    for number, file in enumerate(files, 1):
        try:
            with Image.open(file) as image:
                yield _prepared(as_seen(image), preprocess)
        except (OSError, ValueError, Image.DecompressionBombError):
            unreadable.append(file)
        if number % 10_000 == 0:
            log.info("%d of %d pictures", number, len(files))
    if unreadable:
        some = ", ".join(unreadable[:SOME]) + (" ..." if len(unreadable) > SOME else "")
        told = f"{len(unreadable)} files cannot be read as pictures: {some}"
        raise BadInputError(f"{told}; mend them or take them off the lists")


def _prepared(image: Any, preprocess: Mapping[str, Any]) -> np.ndarray:
    """A picture as the model is to see it, uint8 (C, H, W)."""
    from PIL import Image

    height, width = preprocess["size"]
    image = image.convert("L" if preprocess["color"] == "grey" else "RGB")
    how = Image.Resampling[preprocess["interpolation"].upper()]
    if preprocess.get("crop"):  # as torchvision's Resize of the shorter side and CenterCrop
        shorter = round(min(height, width) / preprocess["crop"])
        scale = shorter / min(image.size)
        wide, high = (
            max(round(side * scale), least) for side, least in zip(image.size, (width, height), strict=True)
        )
        image = image.resize((wide, high), how) if image.size != (wide, high) else image
        left, top = round((wide - width) / 2), round((high - height) / 2)
        image = image.crop((left, top, left + width, top + height))
    elif image.size != (width, height):
        image = image.resize((width, height), how)
    pixels = np.asarray(image).reshape(height, width, -1).transpose(2, 0, 1)
    return pixels[::-1] if preprocess["color"] == "bgr" else pixels


def digest_of(picture: np.ndarray) -> int:
    """64 bits by which equal pictures are known."""
    content = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=8).digest()
    return int.from_bytes(content, "little")
