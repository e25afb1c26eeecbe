"""NGSI-LD itself: pure and synchronous. No I/O, no clock, no log.

The present instant and loaded contexts are arguments.
"""
