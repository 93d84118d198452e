"""A request keeps what executing it did, beside what it would have done when it was asked for.

Of both, the address of somebody who was erased gives way.
"""

import goldwallet.triggers
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

# As in 0015, with `done`.
_FORGETS = """
CREATE OR REPLACE FUNCTION controls_request_forgets(p_old controls_request, p_new controls_request) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN p_old.state <> 'waiting' AND EXISTS (
        SELECT FROM accounts_forgotten() AS person
        JOIN accounts_userevent e ON e.pgh_obj_id = person.id AND e.email <> person.email
        WHERE to_jsonb(p_new) = to_jsonb(p_old) || jsonb_build_object(
            'effect', replace(p_old.effect::text, e.email, person.email)::jsonb,
            'done', replace(p_old.done::text, e.email, person.email)::jsonb,
            'result', left(replace(p_old.result, e.email, person.email), 300),
            'reason', left(replace(p_old.reason, e.email, person.email), 500),
            'decision', left(replace(p_old.decision, e.email, person.email), 500)
        )
    );
END
$$;
"""
_DONE = """            'done', replace(p_old.done::text, e.email, person.email)::jsonb,
"""


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0015_nobody_changes_a_history_by_a_setting"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="request",
            name="done",
            field=models.JSONField(default=None, null=True),
        ),
        migrations.RunSQL(_FORGETS, _FORGETS.replace(_DONE, "")),
        pgtrigger.migrations.AddTrigger(
            model_name="request",
            trigger=pgtrigger.compiler.Trigger(
                name="done_stays",
                sql=goldwallet.triggers.GuardSql(
                    condition="WHEN (OLD.done IS NOT NULL AND NEW.done IS DISTINCT FROM OLD.done)",
                    func="\nIF public.controls_request_forgets(OLD, NEW) THEN RETURN NEW; END IF;\nRAISE EXCEPTION 'Cannot update rows from % table', TG_TABLE_NAME;\n",
                    hash="6e5259516b4792ff8c0eaeb4dbb2bd9ca135e55b",
                    operation="UPDATE",
                    pgid="pgtrigger_done_stays_89918",
                    table="controls_request",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(("done__isnull", True), ("state", "executed"), _connector="OR"),
                name="request_done_when_executed",
            ),
        ),
    ]
