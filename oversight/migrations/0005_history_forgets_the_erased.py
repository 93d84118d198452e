"""History cannot be changed, with one exception: of a person whose data was erased it forgets name, address and number."""

from django.db import migrations

_FORGET = """
CREATE FUNCTION oversight_history_forget(p_user uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_rows integer;
    v_more integer;
BEGIN
    -- Only after the row itself was blanked, so nobody's history is touched by this way alone.
    IF NOT EXISTS (
        SELECT FROM accounts_user
        WHERE id = p_user AND closed_at IS NOT NULL AND NOT is_active AND email LIKE 'gone-%@erased.invalid'
    ) THEN
        RAISE EXCEPTION 'this person was not erased' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('pgtrigger.ignore', (
        SELECT array_agg(tgname)::text FROM pg_trigger
        WHERE tgname LIKE 'pgtrigger_append_only_%'
          AND tgrelid IN ('accounts_userevent'::regclass, 'accounts_payoutnumberevent'::regclass)
    ), true);
    UPDATE accounts_userevent AS event
    SET username = person.username, email = person.email, phone_lookup = '', frozen_reason = ''
    FROM accounts_user AS person
    WHERE event.pgh_obj_id = p_user AND person.id = p_user
      AND (event.email <> person.email OR event.phone_lookup <> '' OR event.frozen_reason <> '');
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    UPDATE accounts_payoutnumberevent SET phone_lookup = '' WHERE user_id = p_user AND phone_lookup <> '';
    GET DIAGNOSTICS v_more = ROW_COUNT;
    PERFORM set_config('pgtrigger.ignore', '{}', true);
    RETURN v_rows + v_more;
END
$$;
REVOKE ALL ON FUNCTION oversight_history_forget FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("oversight", "0004_findings_of_a_run"),
        ("accounts", "0004_identity"),
    ]

    operations = [migrations.RunSQL(_FORGET, "DROP FUNCTION oversight_history_forget(uuid)")]
