"""When triggers are due: pure functions of what is asked and what has passed. No clock in here."""
