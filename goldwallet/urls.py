"""Every path of the house. An app owns its paths, whole; this page only gathers them."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

handler500 = "goldwallet.middleware.broken"

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("accounts.urls")),
    path("desk/exports/", include("accounts.urls_exports")),
    path("", include("trading.urls")),
    path("", include("kyc.urls")),
    path("", include("pools.urls")),
    path("", include("payments.urls")),
    path("", include("oversight.urls")),
    path("", include("goldwallet.health")),
    path("admin/", admin.site.urls),
]
