"""What runs the pieces on one machine: processes, the embedded MongoDB and MQTT brokers."""
