"""The names of krt's own API that App secrets are made of: the kind, labels, annotations, copies and volumes. Pure."""

from hashlib import sha256

from krt.core.kube.resource import Resource

# ICANN reserves .internal for private use, so nobody else can own this group.
APP = Resource("krt.internal", "v1alpha1", "App", "apps", namespaced=False)

ENVIRONMENT = "krt/environment"  # a label of a Namespace: its environment; an annotation of a copy: whose values it has
SOURCE_OF = "krt/app"  # a label of a source Secret: the App's name
COPY_OF = "krt/copy-of"  # a label of a copy: the App's name

# Annotations of a source Secret.
REDELIVER = "krt/redeliver"  # any new text: deliver again, though no value has changed
MOVE = "krt/move"  # with a new text of krt/redeliver: the environment that the Namespace's copies may move to
ALLOW_EMPTY = "krt/allow-empty"  # "true": a Secret without keys is meant, and empties the copies

# An annotation of a Deployment, as CommandK's documents name it.
MODE = "scout.commandk.dev/mutation-mode"
IGNORE, DETACH = "ignore", "ignore-and-detach"

# Annotations of a copy.
DIGEST = "krt/digest"
STRATEGY = "krt/strategy"
MOUNT_PATH = "krt/mount-path"
RELOAD = "krt/reload"
REDELIVERED = "krt/redelivered"  # the text of krt/redeliver that the last delivery has answered
DELIVERED_AT = "krt/delivered-at"
STAMPS = "krt/stamps"  # how often krt has attached this delivery to the same pod template
STAMPED_AT = "krt/stamped-at"
STAMPED_FOR = "krt/stamped-for"  # a digest of that pod template, without krt's entries

_MOST_READABLE = 40  # characters
_HEX_DIGITS = 8


def stamp_name(app: str) -> str:
    """The annotation of the pod template that has the delivered digest: another digest makes new pods."""
    return f"krt/secrets.{app}"


def copy_name(app: str, deployment: str) -> str:
    """The name of the copy for a Deployment. Other pairs of names have other copies, however long they are."""
    readable = f"{app}-{deployment}"[:_MOST_READABLE].rstrip("-.")
    return f"krt-{readable}-{_hex(app, deployment)}"


def volume_name(app: str, deployment: str) -> str:
    """The name of the volume that has the copy."""
    return f"krt-{_hex(app, deployment)}"


def _hex(app: str, deployment: str) -> str:
    # Neither name has a slash (k8s.io/apimachinery, IsDNS1123Subdomain).
    return sha256(f"{app}/{deployment}".encode(errors="surrogatepass")).hexdigest()[:_HEX_DIGITS]
