"""Identity: the customer's pages under /kyc/, the reviewers' under /desk/kyc/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
