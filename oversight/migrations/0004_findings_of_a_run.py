import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("oversight", "0003_reversals_that_differ"),
    ]

    operations = [
        migrations.CreateModel(
            name="Finding",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "news",
                    models.CharField(
                        choices=[("new", "New"), ("known", "Known before"), ("gone", "No longer there")],
                        max_length=5,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
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
                ("subject", models.CharField(max_length=120)),
                ("kes", models.DecimalField(decimal_places=2, default=None, max_digits=20, null=True)),
                ("grams", models.DecimalField(decimal_places=6, default=None, max_digits=18, null=True)),
                ("theirs", models.DecimalField(decimal_places=6, default=None, max_digits=20, null=True)),
                ("ours", models.DecimalField(decimal_places=6, default=None, max_digits=20, null=True)),
                ("sentence", models.CharField(max_length=300)),
                ("cause", models.CharField(max_length=300)),
                (
                    "difference",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="oversight.break",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="oversight.run",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("run", "difference"), name="finding_once_a_run"),
                    models.CheckConstraint(
                        condition=models.Q(("news__in", ["new", "known", "gone"])), name="finding_news_known"
                    ),
                    models.CheckConstraint(
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
                        name="finding_kind_known",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="finding",
            trigger=pgtrigger.compiler.Trigger(
                name="never_changed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="66909a1fea8278c11b1bfaa6b725a13cb8ddf55f",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_never_changed_288d2",
                    table="oversight_finding",
                    when="BEFORE",
                ),
            ),
        ),
    ]
