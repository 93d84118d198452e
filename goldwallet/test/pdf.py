"""What a PDF of ours says: the texts of its pages, in the order in which they were drawn."""

import re
import zlib

_STREAM = re.compile(rb"stream\n(.*?)\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"\(((?:[^()\\]|\\.)*)\) Tj( ET)?", re.DOTALL)


def texts(pdf: bytes) -> list[str]:
    """Every piece of text. Raises AssertionError for what is no PDF."""
    assert pdf.startswith(b"%PDF-"), pdf[:20]
    assert b"%%EOF" in pdf[-20:]
    return [text for page in pages(pdf) for text in page]


def pages(pdf: bytes) -> list[list[str]]:
    """The same, by page."""
    found = []
    for stream in _STREAM.findall(pdf):
        try:
            drawn = zlib.decompress(stream)
        except zlib.error:
            continue
        shown, begun = [], b""
        for text, ends in _SHOWN.findall(drawn):
            begun += re.sub(rb"\\(.)", rb"\1", text)
            if ends:
                shown.append(begun.decode("cp1252"))
                begun = b""
        if shown:
            found.append(shown)
    return found
