"""The daily close: a day in Nairobi on one page, stored once and never changed (`oversight.models.DailyClose`)."""
