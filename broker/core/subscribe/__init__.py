"""Which subscriptions a change concerns, when they are due, and what is sent (clauses 5.8 and 5.3)."""
