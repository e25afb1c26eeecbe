"""What an operator types: `eclor device`, a client of the agents' HTTP interface."""
