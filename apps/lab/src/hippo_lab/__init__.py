"""The kit that Hippo's experiments share: worlds and their proof, arms, scores, statistics, run folders, reports.

Modules are imported by name (`from hippo_lab.worlds import World`), so that a suite needs no plotting library.
"""
