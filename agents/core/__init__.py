"""Uplinks, devices and mappings: pure."""
