"""Guards of whole tables that several apps declare."""

import pgtrigger

#: Tests alone set the setting, through their connection's options: it is how transaction=True tests clean up.
_NO_TRUNCATE = pgtrigger.Trigger(
    name="no_truncate",
    level=pgtrigger.Statement,
    when=pgtrigger.Before,
    operation=pgtrigger.Truncate,
    func="""
            IF current_setting('goldwallet.allow_truncate', true) IS DISTINCT FROM 'on' THEN
                RAISE EXCEPTION 'the rows of % stay', TG_TABLE_NAME;
            END IF;
            RETURN NULL;
        """,
)
APPEND_ONLY = [
    pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
    _NO_TRUNCATE,
]
#: Rows of these tables change, but they are never removed.
NEVER_REMOVED = [pgtrigger.Protect(name="never_removed", operation=pgtrigger.Delete), _NO_TRUNCATE]
