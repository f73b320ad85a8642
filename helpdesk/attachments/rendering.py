"""Make a small picture of a large one that nobody vouches for."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from helpdesk.attachments.media import PICTURES
from helpdesk.errors import Invalid
from helpdesk.storage import Storage

MOST_PIXELS = 50_000_000
LONGEST_SIDE = 320
_QUALITY = 80
_ORIENTATION = 0x0112
# What sets a picture upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}

# Pillow itself refuses twice as many; it only warns of fewer, which are counted here.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class UnfitPicture(Invalid):
    """No thumbnail can be made of this file."""


@dataclass(frozen=True)
class Rendered:
    """A thumbnail that is stored, and the size in pixels of what it shows, the right way up."""

    width: int
    height: int


def render(source: Path, target: Path, *, storage: Storage) -> Rendered:
    """Write a WebP of at most 320 by 320 pixels, the right way up, the first frame, with nothing else in it.

    Where and with what the picture was taken (EXIF, comments, profiles) is left out. Blocks; run it in a thread.

    Raises:
        UnfitPicture: the file is missing, damaged, no picture of a known format or has too many pixels.
    """
    try:
        small, rendered = _decode(source)
    except (UnfitPicture, MemoryError):
        raise
    except Exception as error:  # a decoder given hostile bytes raises whatever it happens to stumble over
        raise UnfitPicture(f"The picture cannot be read: {type(error).__name__}: {error}") from error
    with storage.writing(target) as file:
        small.save(file, "WEBP", quality=_QUALITY)
    return rendered


def _decode(source: Path) -> tuple[Image.Image, Rendered]:
    with Image.open(source, formats=tuple(PICTURES.values())) as image:
        # Known from the header, before a single pixel is decoded.
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise UnfitPicture(f"The picture has {width} by {height} pixels; at most {MOST_PIXELS:,} are read.")
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
        # A JPEG can be decoded at a fraction of its size, for a fraction of the time.
        image.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
        mode = "RGBA" if image.has_transparency_data else "RGB"
        shown = image if image.mode == mode else image.convert(mode)
        shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        upright = shown if turn is None else shown.transpose(turn)
        # A fresh picture, so that nothing of what came with the old one can follow.
        small = Image.new(upright.mode, upright.size)
        small.paste(upright)
    sideways = turn in _SIDEWAYS
    return small, Rendered(height, width) if sideways else Rendered(width, height)
