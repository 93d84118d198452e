from django.urls import path

from oversight.close import pages

urlpatterns = [
    path("", pages.closes, name="desk_close"),
    path("<str:day>/", pages.close, name="desk_close_day"),
    path("<str:day>/close.pdf", pages.close_pdf, name="desk_close_pdf"),
]
