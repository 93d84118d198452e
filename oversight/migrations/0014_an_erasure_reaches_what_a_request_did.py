"""An erasure lets go of the address in what a request did, too (controls 0016). The rest is as in 0013."""

from django.db import migrations

_FORGET = """
CREATE OR REPLACE FUNCTION oversight_history_forget(p_user uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_address text;
    v_tomb text;
    v_rows integer := 0;
    v_more integer;
BEGIN
    -- Only after the row itself was blanked, so nobody's history is touched by this way alone.
    SELECT email INTO v_tomb FROM accounts_user
    WHERE id = p_user AND closed_at IS NOT NULL AND NOT is_active AND email LIKE 'gone-%@erased.invalid';
    IF v_tomb IS NULL THEN
        RAISE EXCEPTION 'this person was not erased' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('goldwallet.forgets', p_user::text, true);
    FOR v_address IN SELECT DISTINCT email FROM accounts_userevent WHERE pgh_obj_id = p_user AND email <> v_tomb LOOP
        UPDATE controls_request
        SET effect = replace(effect::text, v_address, v_tomb)::jsonb,
            done = replace(done::text, v_address, v_tomb)::jsonb,
            result = left(replace(result, v_address, v_tomb), 300),
            reason = left(replace(reason, v_address, v_tomb), 500),
            decision = left(replace(decision, v_address, v_tomb), 500)
        WHERE state <> 'waiting' AND strpos(concat_ws(' ', effect::text, done::text, result, reason, decision), v_address) > 0;
        GET DIAGNOSTICS v_more = ROW_COUNT;
        v_rows := v_rows + v_more;
        UPDATE controls_requestevent
        SET reason = left(replace(reason, v_address, v_tomb), 500),
            decision = left(replace(decision, v_address, v_tomb), 500)
        WHERE strpos(concat_ws(' ', reason, decision), v_address) > 0;
        GET DIAGNOSTICS v_more = ROW_COUNT;
        v_rows := v_rows + v_more;
        UPDATE controls_auditentry SET reason = left(replace(reason, v_address, v_tomb), 500)
        WHERE strpos(reason, v_address) > 0;
        GET DIAGNOSTICS v_more = ROW_COUNT;
        v_rows := v_rows + v_more;
    END LOOP;
    UPDATE controls_auditentry SET reason = '' WHERE person_id = p_user AND reason <> '';
    GET DIAGNOSTICS v_more = ROW_COUNT;
    v_rows := v_rows + v_more;
    UPDATE accounts_userevent AS event
    SET username = person.username, email = person.email, phone_lookup = '', frozen_reason = ''
    FROM accounts_user AS person
    WHERE event.pgh_obj_id = p_user AND person.id = p_user
      AND (event.email <> person.email OR event.phone_lookup <> '' OR event.frozen_reason <> '');
    GET DIAGNOSTICS v_more = ROW_COUNT;
    v_rows := v_rows + v_more;
    UPDATE accounts_payoutnumberevent SET phone_lookup = '' WHERE user_id = p_user AND phone_lookup <> '';
    GET DIAGNOSTICS v_more = ROW_COUNT;
    PERFORM set_config('goldwallet.forgets', '', true);
    RETURN v_rows + v_more;
END
$$;
"""
_BEFORE = _FORGET.replace("            done = replace(done::text, v_address, v_tomb)::jsonb,\n", "").replace(
    "done::text, result", "result"
)


class Migration(migrations.Migration):
    dependencies = [
        ("controls", "0016_a_request_keeps_what_it_did"),
        ("oversight", "0013_an_erasure_switches_no_guard_off"),
    ]

    operations = [migrations.RunSQL(_FORGET, _BEFORE)]
