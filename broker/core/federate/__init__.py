"""Context Source Registrations, and what is asked of which source (clauses 4.3.6, 5.9 to 5.12)."""
