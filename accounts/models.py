"""People."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models

from goldwallet.clock import Now
from goldwallet.sealing import sealed_property


class KycStatus(models.TextChoices):
    UNVERIFIED = "unverified", "Not verified"
    PENDING = "pending", "In review"
    VERIFIED = "verified", "Verified"
    REJECTED = "rejected", "Rejected"


class User(AbstractUser):
    """A person: customer or staff. Grams and money stand in the ledger, never here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("e-mail address", unique=True)
    kyc_status = models.CharField(max_length=12, choices=KycStatus, default=KycStatus.UNVERIFIED)
    phone_sealed = models.TextField(blank=True, default="")
    phone_lookup = models.CharField(max_length=64, blank=True, default="", db_index=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    phone = sealed_property("phone_sealed", lookup="phone_lookup", kind="phone")
