"""Ways to context sources (clause 4.3.6)."""
