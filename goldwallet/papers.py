"""Files that staff hand in, and get back: certificates, pages of a statement. Somebody else has made them."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header

#: By its first bytes, whatever its name says.
_TYPES = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_LONGEST_NAME = 120


def type_of(content: bytes) -> str:
    """The type of a PDF, a PNG or a JPEG; empty for anything else."""
    return next((kind for start, kind in _TYPES.items() if content.startswith(start)), "")


def name_kept(name: str, *, nameless: str) -> str:
    """The end of a file's name, with its ending, without signs that do not print. `nameless` where nothing is left."""
    return "".join(sign for sign in name if sign.isprintable())[-_LONGEST_NAME:] or nameless


def as_download(content: bytes, *, name: str, type: str) -> HttpResponse:
    """The file as a download, never as a page of ours: what is in it must not run here."""
    return HttpResponse(
        content,
        content_type=type,
        headers={
            "Content-Disposition": content_disposition_header(True, name) or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
