"""Files that nobody should have to open: what strangers send as "photo of my ID" (faults.md K01, K03).

Nothing here knows Django: the processes that try these files start quickly.
"""

import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, PngImagePlugin

from kyc.tests.foreign import payloads
from kyc.tests.pictures import (
    JPEG,
    MARK,
    PNG,
    SCRIPT,
    chunk,
    drawn,
    exif,
    header,
    png,
    saved,
    segment,
    with_chunks,
    with_segments,
    zeros,
)


@dataclass(frozen=True, slots=True)
class Case:
    """`ends`: "refused", "taken", or "either" where both are right so long as nothing else happens."""

    name: str
    raw: bytes
    ends: str


def cases() -> list[Case]:
    made = [
        *foreign(),
        *begun_as_a_photo(),
        *truncated(),
        *dimensions(),
        *bombs(),
        *polyglots(),
        *metadata(),
        *kinds(),
    ]
    assert len({case.name for case in made}) == len(made)
    return made


# --- what is no photo -----------------------------------------------------------------------------


def foreign() -> Iterator[Case]:
    for name, raw in payloads().items():
        yield Case(f"foreign/{name}", raw, "refused")
    yield Case("foreign/empty", b"", "refused")
    yield Case("foreign/too-large", saved(drawn(), "JPEG") + bytes(10_000_000), "refused")
    dice = random.Random(1)
    for number in range(8):
        yield Case(f"foreign/random-{number}", dice.randbytes(4000), "refused")


def begun_as_a_photo() -> Iterator[Case]:
    """The right first bytes, and then something else."""
    for name, raw in payloads().items():
        yield Case(f"begun/jpeg-{name}", JPEG + raw, "refused")
        yield Case(f"begun/png-{name}", PNG + raw, "refused")


def truncated() -> Iterator[Case]:
    files = {
        "jpeg": saved(drawn(), "JPEG"),
        "progressive": saved(drawn(), "JPEG", progressive=True),
        "png": saved(drawn(), "PNG"),
    }
    for name, raw in files.items():
        for part in range(1, 20):
            yield Case(f"truncated/{name}-{part}-of-20", raw[: len(raw) * part // 20], "refused")
        for at in (1, 2, 3, 4, 8, 9, 20):
            yield Case(f"truncated/{name}-{at}-bytes", raw[:at], "refused")
        yield Case(f"truncated/{name}-without-its-end", raw[:-2], "either")


# --- too much of something ------------------------------------------------------------------------


def dimensions() -> Iterator[Case]:
    good = saved(drawn(), "PNG")
    rest = good[33:]
    for width, height in (
        *(
            (65_535, 65_535),
            (2**31 - 1, 1),
            (1, 2**31 - 1),
            (2**31 - 1, 2**31 - 1),
            (0, 0),
            (0, 400),
            (400, 0),
        ),
        *((30_000, 30_000), (100_000, 300), (2**32 - 1, 2**32 - 1), (6001, 4000), (299, 400), (420, 100_000)),
    ):
        yield Case(f"dimensions/png-{width}x{height}", PNG + header(width, height) + rest, "refused")
    jpeg = saved(drawn(), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    for height, width in (
        (65_535, 65_535),
        (0, 0),
        (0, 420),
        (65_500, 400),
        (1, 65_535),
        (8000, 8000),
        (4001, 6000),
    ):
        raw = jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]
        yield Case(f"dimensions/jpeg-{width}x{height}", raw, "refused")
    # More rows than there is data for, within what we would take.
    raw = jpeg[:at] + struct.pack(">HH", 4000, 5000) + jpeg[at + 4 :]
    yield Case("dimensions/jpeg-more-than-it-has", raw, "either")
    for width, height in ((1, 1), (1, 3000), (3000, 1), (299, 299), (300, 299)):
        yield Case(
            f"dimensions/real-{width}x{height}.png",
            saved(Image.new("RGB", (width, height)), "PNG"),
            "refused",
        )
        yield Case(
            f"dimensions/real-{width}x{height}.jpeg",
            saved(Image.new("RGB", (width, height)), "JPEG"),
            "refused",
        )


def bombs() -> Iterator[Case]:
    end = chunk(b"IEND", b"")
    huge = chunk(b"IDAT", zeros(24_000 * 3001))
    yield Case(
        "bomb/png-576-megapixels", PNG + header(24_000, 24_000, depth=1, color=0) + huge + end, "refused"
    )
    # A small picture by its header, and a hundred million bytes behind it.
    much = chunk(b"IDAT", zeros(100_000_000))
    yield Case("bomb/png-more-than-its-header", PNG + header(400, 400) + much + end, "either")
    yield Case(
        "bomb/png-largest-that-we-take",
        PNG + header(6000, 4000) + chunk(b"IDAT", zeros(18_001 * 4000)) + end,
        "taken",
    )
    rgba = chunk(b"IDAT", zeros(24_001 * 4000))
    yield Case("bomb/png-largest-with-alpha", PNG + header(6000, 4000, color=6) + rgba + end, "either")
    deep = chunk(b"IDAT", zeros(48_001 * 4000))
    yield Case(
        "bomb/png-largest-and-deep", PNG + header(6000, 4000, depth=16, color=6) + deep + end, "either"
    )
    laced = chunk(b"IDAT", zeros(18_001 * 4000 * 2))
    yield Case("bomb/png-largest-interlaced", PNG + header(6000, 4000, interlace=1) + laced + end, "either")
    plain = saved(drawn(), "PNG")
    text = b"Comment\0\0" + zeros(100_000_000)
    yield Case("bomb/png-ztxt", with_chunks(plain, chunk(b"zTXt", text)), "either")
    itxt = b"XML:com.adobe.xmp\0\1\0\0\0" + zeros(100_000_000)
    yield Case("bomb/png-itxt", with_chunks(plain, chunk(b"iTXt", itxt)), "either")
    yield Case("bomb/png-iccp", with_chunks(plain, chunk(b"iCCP", b"p\0\0" + zeros(100_000_000))), "either")
    many = chunk(b"zTXt", b"Comment\0\0" + zeros(1_000_000)) * 100
    yield Case("bomb/png-many-ztxt", with_chunks(plain, many), "either")
    yield Case("bomb/png-many-chunks", with_chunks(plain, chunk(b"teSt", b"") * 700_000), "either")
    yield Case("bomb/png-many-small-idat", in_many_pieces(plain), "either")
    yield Case("bomb/png-chunk-too-long", with_chunks(plain, b"\x7f\xff\xff\xfftEXt" + MARK), "refused")
    yield Case("bomb/png-idat-too-long", plain[:33] + b"\x7f\xff\xff\xffIDAT" + plain[41:], "either")
    yield Case("bomb/png-palette-too-long", with_chunks(plain, chunk(b"PLTE", bytes(9_000_000))), "either")
    jpeg = saved(drawn(), "JPEG")
    yield Case("bomb/jpeg-many-segments", with_segments(jpeg, segment(0xE5, b"") * 2_400_000), "either")
    yield Case("bomb/jpeg-many-comments", with_segments(jpeg, segment(0xFE, MARK * 4000) * 150), "either")
    yield Case(
        "bomb/jpeg-many-icc",
        with_segments(jpeg, segment(0xE2, b"ICC_PROFILE\0\1\2" + bytes(60_000)) * 150),
        "either",
    )
    yield Case(
        "bomb/jpeg-many-tables", with_segments(jpeg, segment(0xDB, b"\0" + b"\1" * 64) * 100_000), "either"
    )
    yield Case("bomb/jpeg-filled-with-ff", jpeg[:2] + b"\xff" * 9_000_000 + jpeg[2:], "either")
    yield Case("bomb/jpeg-many-scans", many_scans(), "either")
    yield Case("bomb/jpeg-restarts", jpeg[:-2] + b"\xff\xd0" * 4_000_000, "either")
    noise = Image.new("RGB", (2900, 2900))
    tile = Image.effect_noise((725, 725), 90)
    for at in range(16):
        noise.paste(tile, (at % 4 * 725, at // 4 * 725))
    yield Case("bomb/jpeg-noise-progressive", saved(noise, "JPEG", quality=90, progressive=True), "taken")
    large = Image.linear_gradient("L").resize((6000, 4000)).convert("RGB")
    options = {"quality": 70, "progressive": True, "subsampling": 0}
    yield Case("bomb/jpeg-largest-that-we-take", saved(large, "JPEG", **options), "taken")
    yield Case("bomb/jpeg-largest-cmyk", saved(large.convert("CMYK"), "JPEG", quality=70), "taken")


def in_many_pieces(plain: bytes) -> bytes:
    at = plain.index(b"IDAT")
    body = plain[at + 4 : at + 4 + struct.unpack(">I", plain[at - 4 : at])[0]]
    pieces = b"".join(chunk(b"IDAT", body[n : n + 1]) + chunk(b"IDAT", b"") * 3 for n in range(len(body)))
    return PNG + plain[8:33] + pieces + chunk(b"IEND", b"")


def many_scans() -> bytes:
    """A progressive photo of nine million pixels that refines the same numbers two thousand times."""
    jpeg = saved(Image.new("RGB", (3000, 3000), "gray"), "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * (9_000_000 // len(jpeg[last:-2])) + b"\xff\xd9"


# --- a photo, and more ----------------------------------------------------------------------------


def polyglots() -> Iterator[Case]:
    jpeg, plain = saved(drawn(), "JPEG"), saved(drawn(), "PNG")
    for name, raw in payloads().items():
        if name in {
            "html",
            "js",
            "svg",
            "zip",
            "tar",
            "pdf",
            "php",
            "elf",
            "exe",
            "gif-js",
            "eicar",
            "shell",
            "xml-laughs",
        }:
            yield Case(f"polyglot/jpeg-then-{name}", jpeg + MARK + raw, "taken")
            yield Case(f"polyglot/png-then-{name}", plain + MARK + raw, "taken")
            yield Case(
                f"polyglot/jpeg-comment-{name}", with_segments(jpeg, segment(0xFE, MARK + raw)), "taken"
            )
            yield Case(f"polyglot/png-chunk-{name}", with_chunks(plain, chunk(b"teSt", MARK + raw)), "taken")
    # A script that is a photo: the first segment's length spells the beginning of a comment.
    script = (
        b"\xff\xe0\x2f\x2a"
        + b"JFIF\0\1\1\0\0\1\0\1\0\0"
        + bytes(0x2F2A - 16)
        + segment(0xFE, b"*/=alert(1);/*" + MARK)
    )
    yield Case("polyglot/jpeg-script", JPEG[:2] + script + jpeg[2:], "taken")
    yield Case("polyglot/two-photos", jpeg + jpeg, "taken")
    yield Case("polyglot/jpeg-then-png", jpeg + plain, "taken")
    yield Case(
        "polyglot/png-in-its-pixels",
        saved(Image.frombytes("RGB", (400, 400), (SCRIPT * 20_000)[:480_000]), "PNG"),
        "taken",
    )


def metadata() -> Iterator[Case]:
    """Good photos that tell where and by whom they were taken."""
    image = drawn()
    jpeg, plain = saved(image, "JPEG"), saved(image, "PNG")
    for turn in (*range(1, 9), 0, 9, 65_535):
        yield Case(f"metadata/jpeg-turned-{turn}", saved(image, "JPEG", exif=exif(t274=turn)), "taken")
    for turn in range(1, 9):
        yield Case(f"metadata/png-turned-{turn}", saved(image, "PNG", exif=exif(t274=turn)), "taken")
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation='6'>" + MARK + b"</x:xmpmeta>"
    parts = {
        "xmp": segment(0xE1, xmp),
        "xmp-extended": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + MARK * 100),
        "icc": segment(0xE2, b"ICC_PROFILE\0\1\1" + MARK * 30),
        "mpf": segment(0xE2, b"MPF\0II*\0\x08\0\0\0\0\0" + MARK),
        "flashpix": segment(0xE2, b"FPXR\0" + MARK),
        "iptc": segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0e" + MARK),
        "comment": segment(0xFE, MARK),
        "content-credentials": segment(0xEB, b"JP\0\1\0\0\0\1" + MARK),
        "adobe": segment(0xEE, b"Adobe\0d\0\0\0\0\1"),
        "ducky": segment(0xEC, b"Ducky" + MARK),
        "jfxx": segment(0xE0, b"JFXX\0\x10" + MARK),
        "exif-broken": segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f" + MARK),
        "exif-loop": segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\x08\0\0\0" + MARK),
        "exif-huge-count": segment(
            0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\xff\xff\xff\xff\6\0\0\0\0\0\0\0"
        ),
        "exif-twice": segment(0xE1, exif()) * 2,
        "exif-empty": segment(0xE1, b"Exif\0\0"),
    }
    parts |= {f"app{number}": segment(0xE0 + number, MARK) for number in range(16)}
    for name, one in parts.items():
        yield Case(f"metadata/jpeg-{name}", with_segments(jpeg, one), "taken")
    yield Case("metadata/jpeg-everything", with_segments(jpeg, *parts.values()), "taken")
    yield Case("metadata/jpeg-dpi", saved(image, "JPEG", dpi=(300, 300), comment=MARK), "taken")
    frames = {"save_all": True, "append_images": [Image.new("RGB", (420, 320))]}
    yield Case("metadata/jpeg-of-two", saved(image, "MPO", **frames), "taken")
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", MARK.decode())
    notes.add_text("Comment", MARK.decode(), zip=True)
    notes.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>" + MARK.decode())
    yield Case("metadata/png-texts", saved(image, "PNG", pnginfo=notes, dpi=(300, 300)), "taken")
    chunks = {
        "time": chunk(b"tIME", b"\7\xea\1\1\0\0\0"),
        "icc": chunk(b"iCCP", b"name\0\0" + zlib.compress(MARK * 30)),
        "exif": chunk(b"eXIf", exif()[6:]),
        "gamma": chunk(b"gAMA", struct.pack(">I", 45_455)),
        "offset": chunk(b"oFFs", bytes(9)),
        "private": chunk(b"prVt", MARK),
    }
    for name, one in chunks.items():
        yield Case(f"metadata/png-{name}", with_chunks(plain, one), "taken")
    yield Case(
        "metadata/png-after-its-pixels", plain[:-12] + chunk(b"tEXt", b"a\0" + MARK) + plain[-12:], "taken"
    )


def kinds() -> Iterator[Case]:
    """Every kind of pixel that the two formats know."""
    for mode in ("L", "RGB", "CMYK", "YCbCr"):
        yield Case(f"kind/jpeg-{mode}", saved(drawn(mode=mode), "JPEG"), "taken")
    for number, sampling in enumerate(("4:4:4", "4:2:2", "4:2:0")):
        yield Case(
            f"kind/jpeg-{number}",
            saved(drawn(), "JPEG", subsampling=sampling, progressive=bool(number)),
            "taken",
        )
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = Image.new("I;16", (420, 320), 40_000) if mode == "I;16" else drawn().convert(mode)
        yield Case(f"kind/png-{mode.replace(';', '-')}", saved(image, "PNG"), "taken")
    yield Case("kind/png-P-with-a-clear-colour", saved(drawn(mode="P"), "PNG", transparency=3), "taken")
    yield Case("kind/png-RGB-with-a-clear-colour", saved(drawn(), "PNG", transparency=(1, 2, 3)), "taken")
    for depth in (1, 2, 4):
        yield Case(
            f"kind/png-gray-{depth}",
            png(400, 400, bytes(50 * depth + 1) * 400, depth=depth, color=0),
            "taken",
        )
    for color, bytes_ in ((2, 6), (4, 4), (6, 8)):
        rows = (b"\0" + b"\x9c\x40" * (400 * bytes_ // 2)) * 400
        yield Case(f"kind/png-deep-{color}", png(400, 400, rows, depth=16, color=color), "taken")
    frames = {"save_all": True, "append_images": [Image.new("RGB", (420, 320))]}
    yield Case("kind/png-moving", saved(drawn(), "PNG", **frames), "refused")
    yield Case(
        "kind/png-moving-without-frames",
        with_chunks(saved(drawn(), "PNG"), chunk(b"acTL", struct.pack(">II", 9, 0))),
        "refused",
    )
    yield Case("kind/png-bad-depth", PNG + header(400, 400, depth=3) + saved(drawn(), "PNG")[33:], "refused")
    yield Case(
        "kind/png-no-palette",
        PNG + header(400, 400, color=3) + chunk(b"IDAT", zeros(401 * 400)) + chunk(b"IEND", b""),
        "either",
    )
    yield Case("kind/png-no-pixels", PNG + header(400, 400) + chunk(b"IEND", b""), "refused")
    yield Case("kind/png-two-headers", with_chunks(saved(drawn(), "PNG"), header(60_000, 60_000)), "refused")
    jpeg = saved(drawn(), "JPEG")
    at = jpeg.index(b"\xff\xc0")
    frame = jpeg[at : at + 19]
    yield Case(
        "kind/jpeg-two-frames", jpeg[:at] + frame[:5] + b"\x40\0\x40\0" + frame[9:] + jpeg[at:], "either"
    )
    yield Case("kind/jpeg-lossless", jpeg.replace(b"\xff\xc0", b"\xff\xc3", 1), "refused")
    yield Case("kind/jpeg-arithmetic", jpeg.replace(b"\xff\xc0", b"\xff\xc9", 1), "either")
    yield Case("kind/jpeg-twelve-bits", jpeg[: at + 4] + b"\x0c" + jpeg[at + 5 :], "refused")
    yield Case("kind/jpeg-no-scan", jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9", "refused")
