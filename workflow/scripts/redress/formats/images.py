"""Image files as they are seen: upright, in 8 bits, on black where they are transparent."""

from typing import Any

import numpy as np

ENDINGS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def natural(name: str) -> tuple[bool, int, str]:
    """To sort class names by: those that are numbers as numbers, 2 before 10."""
    return (False, int(name), name) if name.isdecimal() else (True, 0, name)


class NoPixelsError(ValueError):
    """An image whose numbers have no known meaning."""


def as_seen(image: Any) -> Any:
    """The image upright, in 8 bits, with black where it is transparent; Pillow's own conversion clips large
    numbers, makes small ones black and shows the colour that transparent pixels hide.

    Raises NoPixelsError.
    """
    from PIL import Image, ImageOps

    image = _eight_bits(ImageOps.exif_transpose(image), image.format)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image


def _eight_bits(image: Any, kind: str | None) -> Any:
    from PIL import Image

    if image.mode == "F":
        values = np.asarray(image)
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise NoPixelsError("its floating-point numbers are not between 0 and 1")
        return Image.fromarray((values * 255).round().astype(np.uint8))
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image, dtype=np.uint32)
    if (image.mode == "I" and kind not in ("PNG", "PPM")) or values.max() > 65535:
        raise NoPixelsError("its 32-bit numbers have no known range; 8, 16 bits or 0.0 to 1.0 have")
    return Image.fromarray((values // 257).astype(np.uint8))
