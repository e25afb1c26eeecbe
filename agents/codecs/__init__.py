"""Payload codecs and the sandbox they run in."""
