"""The pages of the desk at which lists are taken out."""

from django.urls import path

from accounts.pages import exports

urlpatterns = [
    path("", exports.exports, name="desk_exports"),
    path("<slug:kind>/take/", exports.export, name="desk_export"),
    path("<uuid:export_id>/file/", exports.export_file, name="desk_export_file"),
]
