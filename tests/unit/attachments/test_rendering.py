"""Thumbnails of friendly pictures and of hostile ones."""

from __future__ import annotations

import io
import struct
import time
import zlib
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from PIL import Image

from helpdesk.attachments.rendering import MOST_PIXELS, Rendered, UnfitPicture, render
from helpdesk.settings import Settings
from helpdesk.storage import Storage

ORGANIZATION = UUID(int=1)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(Settings(data_dir=tmp_path))


def rendered(storage: Storage, content: bytes) -> tuple[Rendered, Image.Image]:
    source = storage.path("attachments", ORGANIZATION, uuid4().hex)
    source.write_bytes(content)
    target = storage.path("thumbnails", ORGANIZATION, f"{source.name}.webp")
    found = render(source, target, storage=storage)
    with Image.open(target) as image:
        image.load()
        return found, image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_a_large_picture_becomes_small_and_keeps_its_proportions(storage: Storage, kind: str) -> None:
    found, image = rendered(storage, saved(Image.new("RGB", (1600, 900), "red"), kind))
    assert found == Rendered(1600, 900)
    assert (image.format, image.size) == ("WEBP", (320, 180))
    red, green, _ = image.convert("RGB").getpixel((160, 90))
    assert red > 240
    assert green < 15


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_way_of_storing_colours_is_read(storage: Storage, mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    found, image = rendered(storage, saved(Image.new(mode, (400, 400)), kind))
    assert (found, image.size) == (Rendered(400, 400), (320, 320))


def test_a_small_picture_is_not_blown_up(storage: Storage) -> None:
    assert rendered(storage, saved(Image.new("RGB", (20, 10)), "PNG"))[1].size == (20, 10)


def test_what_is_transparent_stays_so(storage: Storage) -> None:
    _, image = rendered(storage, saved(Image.new("RGBA", (400, 400), (0, 0, 0, 0)), "PNG"))
    assert image.convert("RGBA").getpixel((5, 5))[3] == 0


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (2, (1, 0)), (3, (1, 1)), (4, (0, 1)), (6, (1, 0)), (8, (0, 1))]
)
def test_a_photo_stands_upright_and_tells_nothing_of_where_it_was_taken(
    storage: Storage, orientation: int, corner: tuple[int, int]
) -> None:
    photo = Image.new("RGB", (640, 480), "black")
    photo.paste("white", (0, 0, 320, 240))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera 4711"
    exif.get_ifd(0x8825)[1] = "N"
    found, image = rendered(storage, saved(photo, "JPEG", exif=exif, comment=b"secret place"))
    sideways = orientation > 4
    assert found == (Rendered(480, 640) if sideways else Rendered(640, 480))
    width, height = image.size
    assert (width < height) is sideways
    bright = [
        (x, y)
        for x in (0, 1)
        for y in (0, 1)
        if image.convert("L").getpixel((x * (width - 20) + 10, y * (height - 20) + 10)) > 200
    ]
    assert bright == [corner]
    assert not image.getexif()
    written = next((storage.root / "thumbnails" / str(ORGANIZATION)).iterdir()).read_bytes()
    assert b"Camera 4711" not in written
    assert b"secret place" not in written


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_a_moving_picture_the_first_frame_is_shown(storage: Storage, kind: str) -> None:
    frames = [Image.new("RGB", (400, 400), colour) for colour in ("red", "blue", "green")]
    _, image = rendered(storage, saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert getattr(image, "n_frames", 1) == 1
    assert image.convert("RGB").getpixel((50, 50))[0] > 240


def png_of_size(width: int, height: int, *, rows: int) -> bytes:
    """Return a PNG whose header claims a size, with so many rows of it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * ((width * 3 + 1) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8000, 6251), (30_000, 30_000), (2**31 - 1, 1), (100_000, 100_000)])
def test_a_bomb_is_refused_before_it_is_unpacked(storage: Storage, width: int, height: int) -> None:
    assert width * height > MOST_PIXELS
    bomb = png_of_size(width, height, rows=height if height < 10_000 < width * 3 < 30_000 else 0)
    began = time.monotonic()
    with pytest.raises(UnfitPicture, match=r"pixels"):
        rendered(storage, bomb)
    assert time.monotonic() - began < 1


def test_a_large_photo_within_the_limit_is_rendered(storage: Storage) -> None:
    found, image = rendered(storage, saved(Image.new("RGB", (8000, 6000), "red"), "JPEG"))
    assert (found, image.size) == (Rendered(8000, 6000), (320, 240))


def text_bomb() -> bytes:
    """Return a PNG with a comment of 20 MB, packed into little."""
    picture = saved(Image.new("RGB", (8, 8)), "PNG")
    data = b"Comment\0\0" + zlib.compress(b"x" * 20_000_000, 1)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return picture[:33] + chunk + picture[33:]


HOSTILE = {
    "nothing": b"",
    "only a signature": b"\x89PNG\r\n\x1a\n",
    "half a PNG": saved(Image.effect_noise((300, 300), 50), "PNG")[:20_000],
    "half a JPEG": saved(Image.effect_noise((300, 300), 50), "JPEG")[:5000],
    "half a GIF": saved(Image.effect_noise((300, 300), 50), "GIF")[:5000],
    "half a WebP": saved(Image.effect_noise((300, 300), 50), "WEBP")[:3000],
    "no width": png_of_size(0, 10, rows=0),
    "a comment that unpacks to 20 MB": text_bomb(),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "TIFF": saved(Image.new("RGB", (10, 10)), "TIFF"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(/etc/passwd) (r) file\n",
    "ICO": saved(Image.new("RGB", (16, 16)), "ICO"),
    "a JPEG with damaged EXIF": saved(Image.new("RGB", (9, 9)), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")[:-30],
    "a script": b"<script>alert(1)</script>",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_whole_picture_of_a_known_kind_is_unfit(storage: Storage, what: str) -> None:
    with pytest.raises(UnfitPicture):
        rendered(storage, HOSTILE[what])
    folder = storage.root / "thumbnails" / str(ORGANIZATION)
    assert list(folder.iterdir()) == []


def test_a_file_that_is_gone_is_unfit(storage: Storage) -> None:
    with pytest.raises(UnfitPicture):
        render(
            storage.path("attachments", ORGANIZATION, "gone"),
            storage.path("thumbnails", ORGANIZATION, "x"),
            storage=storage,
        )


def test_flipped_bits_never_do_worse_than_unfit(storage: Storage) -> None:
    sound = {kind: saved(Image.effect_noise((64, 64), 80), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP")}
    for kind, content in sound.items():
        for seed in range(60):
            damaged = bytearray(content)
            for step in range(1, 9):
                damaged[(seed * 7919 * step + step * 104_729) % len(damaged)] ^= 1 << (seed + step) % 8
            with suppress(UnfitPicture):
                _, image = rendered(storage, bytes(damaged))
                assert max(image.size) <= 320, kind
