"""The agents' own HTTP interface."""
