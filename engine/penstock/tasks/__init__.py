"""What each type of task does: its properties as a model, and one `run`."""
