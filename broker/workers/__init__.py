"""Loops that call operations: notifications, expiry, recovery."""
