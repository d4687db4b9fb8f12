"""What a person, a client or a schedule may do to an execution: precondition, events, append. Nothing else does it."""
