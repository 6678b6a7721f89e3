"""The errors with which a delivery ends. The text of each is the sentence for people, without secrets."""

from krt.errors import KrtError


class DeliveryRefused(KrtError):
    """krt itself refuses the delivery. Nothing was written to the cluster."""


class DeliveryFailed(KrtError):
    """The API server refused a call or did not answer, or a rollout failed or was not ready in time."""
