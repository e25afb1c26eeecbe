"""`eclor federation`: a city joins another, from a terminal beside its running broker."""
