"""What moves executions on: loops that look at the store, decide, work and report. None of them holds the truth."""
