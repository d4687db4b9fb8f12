"""From a tree of files to what is deployed: desired, plan, apply, status. Reading and deciding; no loop in here."""
