"""The admin listener: probes, metrics and the live page. Nothing that is asked here changes anything."""
