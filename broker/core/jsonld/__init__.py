"""From terms to IRIs and back (clauses 4.4 and 5.5.7)."""
