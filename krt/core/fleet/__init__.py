"""Runtimes of a fleet: its clusters, and the values that a bundle takes from them. Pure.

Documents, rules and sentences are those of Timoni's Bundle Runtime, v1alpha1. Start reading in `runtime.py`.
"""
