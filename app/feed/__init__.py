"""What happened, for other systems: one stream, signed webhooks, and Kafka where it is wanted."""
