"""What several parts of krt stand on: the hardened HTTP server, backoff, TLS contexts."""
