"""Entities, attributes, subscriptions and the rules for changing them."""
