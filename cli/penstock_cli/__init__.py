"""The command line: arguments in, answers out. It decides nothing that the engine does not decide."""
