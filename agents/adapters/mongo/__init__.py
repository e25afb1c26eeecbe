"""What the agents keep in MongoDB."""
