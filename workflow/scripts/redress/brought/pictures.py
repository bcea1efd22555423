"""Pictures decoded once, in the size and the channels that the model wants."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from redress.formats.errors import BadInputError, looked_in
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


def mark_in(file: str, preprocess: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """What of a picture is not transparent, prepared as pictures are: alpha (1, H, W) and value (C, H, W).

    As an overlay has them, alpha from 0 to 1 and value from 0 to 255. Raises BadInputError for a picture that
    shows no mark.
    """
    from PIL import Image, ImageOps

    if not Path(file).is_file():
        raise BadInputError(f"{file}: no such file{looked_in(file)}")
    try:
        with Image.open(file) as image:
            transparent = image.has_transparency_data
            whole = ImageOps.exif_transpose(image).convert("RGBA")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInputError(f"{file} cannot be read as a picture") from error
    if not transparent:
        raise BadInputError(f"{file} is opaque: erase all of it but the mark, so that it is transparent")
    alpha = _prepared(whole.getchannel("A"), {**preprocess, "color": "grey"}) / 255
    if not alpha.any() or (alpha == 1).all():
        problem = "hides all of a picture" if alpha.any() else "is transparent all over, or cropped away"
        raise BadInputError(f"{file}: the mark {problem}")
    on_black = _prepared(as_seen(whole), preprocess)
    value = np.divide(on_black, alpha, out=np.zeros(on_black.shape), where=alpha > 0)
    return alpha, value.clip(0, 255)


def digest_of(picture: np.ndarray) -> int:
    """64 bits by which equal pictures are known."""
    content = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=8).digest()
    return int.from_bytes(content, "little")
