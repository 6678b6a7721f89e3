"""The Kubernetes API server as krt uses it: credentials, a transport, and stores that list and watch keep true."""
