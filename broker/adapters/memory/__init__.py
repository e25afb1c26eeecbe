"""The ports on dicts: for tests of the operations, and to keep the ports honest. Nothing outlives the process."""
