"""Whether a workload is restarted, when, and how that ended."""
