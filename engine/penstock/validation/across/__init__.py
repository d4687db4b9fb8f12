"""What must hold between the flows of a repository: one function, one code each. They read facts, in any order."""
