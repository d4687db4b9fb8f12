"""KILL: the real agent, killed again and again by a seed; a client's journal and the tasks' own notes are the judge."""
