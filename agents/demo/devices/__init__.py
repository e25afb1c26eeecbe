"""One module a kind of device: what it measures at a moment, and the bytes in which it says so."""
