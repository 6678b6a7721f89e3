"""What several siblings stand on: the hardened Hypercorn, backoff, TLS contexts."""
