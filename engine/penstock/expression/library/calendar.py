"""Functions about days: weekends, public holidays, parts of a date, and how two dates lie to one another."""
