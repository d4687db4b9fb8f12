"""A repository of flows, judged as a whole: each file alone, then all of them against one another."""
