"""Every path of the house. An app owns its paths, whole; this page only gathers them."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("accounts.urls")),
    path("", include("trading.urls")),
    path("", include("payments.urls")),
    path("", include("oversight.urls")),
    path("admin/", admin.site.urls),
]
for module in ("pools.urls", "goldwallet.health"):
    if find_spec(module):
        urlpatterns.append(path("", include(module)))
