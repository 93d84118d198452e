"""In the demo a mail goes to the phone of its reader."""

from django.core.mail.backends.locmem import EmailBackend as PhoneBackend  # noqa: F401
