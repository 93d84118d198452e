from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0002_four_eyes_and_switches"),
        ("oversight", "0002_both_sides_of_a_break"),
        ("payments", "0006_lookups_of_lines"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="break",
            name="break_kind_known",
        ),
        migrations.AlterField(
            model_name="break",
            name="kind",
            field=models.CharField(
                choices=[
                    ("line_in_unknown", "M-Pesa shows money in that we do not know"),
                    ("line_out_unknown", "M-Pesa shows money out that we did not send"),
                    ("payment_missing", "We booked a payment that M-Pesa does not show"),
                    ("amount_differs", "The amounts of a payment differ"),
                    ("state_differs", "M-Pesa shows as paid what we hold as unpaid or open"),
                    ("receipt_differs", "M-Pesa knows a payment by another receipt"),
                    ("reversed", "M-Pesa took back a payment that stands with us"),
                    ("reversal_differs", "M-Pesa took back more or less than we did"),
                    ("charge_differs", "M-Pesa's charge differs from what we booked"),
                    ("line_twice", "One receipt stands on two lines of the same kind"),
                    ("float_differs", "A float differs from M-Pesa's balance"),
                    ("posting_differs", "A payment and the ledger differ"),
                    ("pool_differs", "A pool's grams differ from its bars"),
                    ("holding_differs", "A person's grams differ from their allocations"),
                    ("hold_differs", "What is held differs from the open orders"),
                    ("book_broken", "The ledger does not add up"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="break",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "line_in_unknown",
                            "line_out_unknown",
                            "payment_missing",
                            "amount_differs",
                            "state_differs",
                            "receipt_differs",
                            "reversed",
                            "reversal_differs",
                            "charge_differs",
                            "line_twice",
                            "float_differs",
                            "posting_differs",
                            "pool_differs",
                            "holding_differs",
                            "hold_differs",
                            "book_broken",
                        ],
                    )
                ),
                name="break_kind_known",
            ),
        ),
    ]
