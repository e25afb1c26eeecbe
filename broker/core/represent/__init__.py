"""What clients read: normalized, concise, simplified and GeoJSON forms (clauses 4.5.1 to 4.5.17)."""
