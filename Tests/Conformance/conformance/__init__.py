"""A conformance suite for brokers that speak Kafka's protocol: the same cases through every client."""
