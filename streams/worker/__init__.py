"""The worker: a Faust app that carries items from Kafka through Triton to Redis, and moves on only when all is told."""
