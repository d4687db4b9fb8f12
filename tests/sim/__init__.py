"""The simulator: the executor and worker that ship, in a world that a seed decides.

`python -m sim --seed N` (in the folder `tests`, with `../engine` on the path) plays one seed again and tells it.
"""
