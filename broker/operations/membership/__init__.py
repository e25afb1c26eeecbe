"""Brokers that join each other: inviting, joining, leaving, and what a member may see (ADR 14)."""
