"""What the broker costs, measured over real HTTP against a real MongoDB."""
