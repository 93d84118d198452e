from django.urls import path

from payments import hooks

app_name = "payments"

urlpatterns = [
    path("hooks/<slug:method>/<slug:kind>/<slug:token>/", hooks.hook, name="hook"),
]
