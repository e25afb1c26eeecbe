"""The temporal evolution of entities (clauses 4.5.6 to 4.5.9, 4.5.19, 4.8, 4.11): samples, series, aggregates."""
