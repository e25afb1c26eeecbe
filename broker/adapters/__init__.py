"""What stands behind the ports: MongoDB, contexts, delivery of notifications."""
