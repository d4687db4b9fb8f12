"""What each event changes, by what it is about. `penstock.execution.apply` knows which is whose."""
