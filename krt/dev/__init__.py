"""What `--dev` embeds: a Valkey server, an issuer with a real key, a stand-in cluster."""
