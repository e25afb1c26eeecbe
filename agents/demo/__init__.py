"""The simulated territory: 200 and more devices that speak like real ones."""
