"""What Kubernetes has: resources and the keys of their objects, workloads, and how far their rollouts are."""
