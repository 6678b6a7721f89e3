"""What is put on a cluster, in which order, what goes again, and what a published file makes owed."""
