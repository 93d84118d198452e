"""How a photo of identity leaves the house: as an image in a page of ours, kept by nobody (faults.md K01, K09)."""

from django.http import HttpResponse


def photo_response(jpeg: bytes) -> HttpResponse:
    """Opened by its address alone it is a download, and nothing in it can run; no cache and no other site has it."""
    response = HttpResponse(jpeg, content_type="image/jpeg")
    response["Content-Disposition"] = 'attachment; filename="photo.jpg"'
    response["Cache-Control"] = "no-store, private"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
