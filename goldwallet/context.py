"""What every template may use."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def house(request: HttpRequest) -> dict[str, Any]:
    return {"demo": settings.DEMO, "simulator_url": settings.SIMULATOR_URL}
