"""The errors with which a delivery ends, one for each bad end. The text is the sentence for people, without secrets."""

from typing import ClassVar

from krt.delivery.order import End
from krt.errors import KrtError


class NotDelivered(KrtError):
    """The delivery ends here; the base of the errors below. The text is "" if the objects' own reasons tell why."""

    end: ClassVar[End]


class DeliveryRefused(NotDelivered):
    """krt itself refuses the delivery. Nothing was written to the cluster."""

    end = End.REFUSED


class DeliveryDenied(NotDelivered):
    """The API server refuses the delivery, or has not answered in time. Nothing was written to the cluster."""

    end = End.DENIED


class DeliveryFailed(NotDelivered):
    """The API server refused a call or did not answer, or a rollout failed or was not ready in time."""

    end = End.FAILED
