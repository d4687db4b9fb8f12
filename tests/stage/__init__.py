"""The stage: the executor, shell and worker that ship, in memory, in one thread and under a clock held in the hand.

Flows are deployed as texts, executions are started, waited for and talked to through the doors that the agent and the
command line use. Programs are a few words of shell that take no time of ours: hours pass in a millisecond.
"""
