"""What the cluster side knows of workloads only; the rest of `krt.cluster` speaks of any resource."""
