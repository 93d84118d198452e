"""Pictures, and the pieces of which files of pictures are made: good ones, and what is planted in them.

Nothing here knows Django: the processes that try these files start quickly.
"""

import io
import struct
import zlib
from functools import cache

from PIL import Image, ImageDraw

#: Stands in everything that is planted. None of it may come out.
MARK = b"PLANTED-7c1e9a"
SCRIPT = b"<script>alert('" + MARK + b"')</script>"
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def drawn(size: tuple[int, int] = (420, 320), mode: str = "RGB") -> Image.Image:
    return _drawn(size).convert(mode)


@cache
def _drawn(size: tuple[int, int]) -> Image.Image:
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for at in range(0, size[0], 20):
        draw.line((at, 0, size[0] - at, size[1]), fill=(at % 256, 90, 200), width=3)
    return image


def saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, depth: int = 8, color: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """After the header, which is 25 bytes long."""
    return png[:33] + b"".join(chunks) + png[33:]


def png(width: int, height: int, rows: bytes, **options: int) -> bytes:
    return (
        PNG + header(width, height, **options) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    )


@cache
def zeros(count: int) -> bytes:
    """So many zero bytes, compressed, without ever holding them: one piece many times over, and then the rest."""
    whole, rest = divmod(count, 1 << 20)
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(bytes(rest)) + packer.flush()
    # The stream's header before it; its sum, which for zeros follows from how many they are, behind it.
    return b"\x78\x01" + piece * whole + end + struct.pack(">HH", count % 65_521, 1)


def exif(**entries) -> bytes:
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0131] = "Maker " + MARK.decode(), "Model", "Software"
    made[0x9286] = MARK
    gps = made.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4], gps[29] = "S", (1.0, 17.0, 11.0), "E", (36.0, 49.0, 2.0), MARK.decode()
    for tag, value in entries.items():
        made[int(tag[1:])] = value
    return made.tobytes()
