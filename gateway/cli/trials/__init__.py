"""Trials of the promise on this very machine: a whole gateway in a folder of its own, killed, judged by the simulators' books."""
