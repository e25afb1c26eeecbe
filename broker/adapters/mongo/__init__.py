"""Entities, subscriptions, contexts and the outbox in MongoDB."""
