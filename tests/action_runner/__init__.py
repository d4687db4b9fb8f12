"""A runner of composite actions: as GitHub's does it, or not at all.

What it does not know (a key, a context, a function, a shell, somebody else's action) it refuses with `Unknown`: a test
that passes here has met nothing that this runner has silently left out. Facts: GitHub docs, "Metadata syntax",
"Contexts", "Evaluate expressions", "Workflow commands", 2026-10.
"""
