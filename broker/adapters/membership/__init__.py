"""Keys, members in MongoDB, and the way to other brokers: the adapters of `broker.operations.membership`."""
