"""The state machine: pure functions over recorded events. No clock, no disk, no id generator, no thread."""
