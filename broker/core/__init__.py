"""NGSI-LD itself: pure and synchronous. No I/O, no clock, no log; the present instant and loaded contexts are arguments."""
