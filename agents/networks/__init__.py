"""Network servers: their event JSON to and from our Uplink and Downlink."""
