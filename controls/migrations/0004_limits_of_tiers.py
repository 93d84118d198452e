"""The limit of a day was one number for buys and sales together; each side has its own now, and begins with the same."""

from django.db import migrations

_COPY = """
INSERT INTO controls_threshold (name, value, changed_by_id, changed_at)
SELECT replace(name, '_day_kes', side || 'day_kes'), value, changed_by_id, changed_at
FROM controls_threshold, (VALUES ('_buy_'), ('_sell_')) AS sides (side)
WHERE name IN ('unverified_day_kes', 'verified_day_kes')
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("controls", "0003_keys_counts_erasure")]

    operations = [migrations.RunSQL(_COPY, migrations.RunSQL.noop)]
