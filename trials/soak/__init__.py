"""A machine that plays people, phones, staff, crashes and a lying provider against the house, from one seed."""
