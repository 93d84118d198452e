"""The process that opens a stranger's photo. It is started by its path, knows nothing of the house and holds no secret.

It reads the file from its standard input and writes the answer to its standard output: `NO ` and a word (`SENTENCES`
of `kyc.images.clean`), or the header and two JPEG files. By then it can open no file and no connection, start no
process and use only so much memory and time; whatever goes wrong ends this process and nothing else (faults.md K03).

    python -I -S kyc/images/child.py <folder of the installed packages>
"""

import resource
import struct
import sys
from io import BytesIO

sys.path.append(sys.argv[1])

from PIL import Image, ImageFile, TiffImagePlugin
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

MOST_PIXELS = 24_000_000
LEAST_SIDE = 300
LONG_EDGE, THUMBNAIL_EDGE = 2400, 400
QUALITY, THUMBNAIL_QUALITY = 88, 75

MEMORY_BYTES = 256 * 1024 * 1024
CPU_SECONDS = 2
ANSWER_BYTES = 16 * 1024 * 1024

#: Before the two files: a mark, width and height in pixels, and how long each file is.
HEADER = struct.Struct(">5sIIII")
MARK = b"PHOTO"

# Only these two decoders are ever asked, and by what a file begins with: its name and type are a stranger's words.
_DECODERS = ((b"\xff\xd8\xff", JpegImageFile), (b"\x89PNG\r\n\x1a\n", PngImageFile))
_ORIENTATION = 0x0112
#: How a camera was held (EXIF 2.3, tag 274), and what sets the photo upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class No(Exception):
    """The photo will not do; the argument is the word for why."""


def limit() -> None:
    """From here on this process may only compute. What Pillow would import when it first reads EXIF or encodes is
    imported before.
    """
    assert TiffImagePlugin
    Image.preinit()
    limits = {
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_FSIZE: ANSWER_BYTES,
        # Standard input, output and error are open. A file or socket more cannot be.
        resource.RLIMIT_NOFILE: 3,
        resource.RLIMIT_NPROC: 0,
        # A core dump would keep the photo.
        resource.RLIMIT_CORE: 0,
    }
    if sys.platform != "darwin":  # which knows this limit and does not keep it
        limits[resource.RLIMIT_AS] = MEMORY_BYTES
    for name, most in limits.items():
        resource.setrlimit(name, (most, most))


def cleaned(raw: bytes) -> bytes:
    """The answer for these bytes of a file. Raises No, or whatever a decoder raises at a broken one."""
    image = opened(raw)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise No("too_many_pixels")
    if min(width, height) < LEAST_SIDE:
        raise No("too_small")
    if getattr(image, "is_animated", False):
        raise No("moving")
    photo = upright(scaled(image, LONG_EDGE), orientation(image))
    jpeg = encoded(photo, QUALITY)
    thumbnail = encoded(scaled(photo, THUMBNAIL_EDGE), THUMBNAIL_QUALITY)
    return HEADER.pack(MARK, *photo.size, len(jpeg), len(thumbnail)) + jpeg + thumbnail


def opened(raw: bytes) -> ImageFile.ImageFile:
    """Its header is read, and no pixel yet."""
    for beginning, decoder in _DECODERS:
        if raw.startswith(beginning):
            return decoder(BytesIO(raw))
    raise No("unreadable")


def orientation(image: ImageFile.ImageFile) -> int:
    """A camera that writes nonsense about itself still took a photo."""
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - its reader raises of many kinds, and none of them matters
        return 1
    return value if isinstance(value, int) else 1


def scaled(image: Image.Image, edge: int) -> Image.Image:
    """RGB, with no more than `edge` pixels on the long side."""
    factor = min(1.0, edge / max(image.size))
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    # JPEG decodes to a half, a fourth or an eighth at once, which saves most of the memory.
    image.draft(None, size)
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    elif image.mode in {"P", "1"}:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return on_white(image) if image.mode in {"RGBA", "LA"} else image.convert("RGB")


def on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def upright(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else image


def encoded(image: Image.Image, quality: int) -> bytes:
    """A JPEG file that holds the pixels and nothing else: what came along with them stays here."""
    image.info = {}
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def main() -> None:
    limit()
    with open(0, "rb") as question:
        raw = question.read()
    try:
        answer = cleaned(raw)
    except No as why:
        answer = f"NO {why}".encode()
    with open(1, "wb") as told:
        told.write(answer)


if __name__ == "__main__":
    main()
