"""krt notify, the CI side: imports neither kubernetes, quart, hypercorn, valkey nor cryptography."""
