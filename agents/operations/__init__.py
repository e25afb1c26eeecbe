"""What an agent does with a message; speaks to ports only."""
