"""The Deployments of the test, and the test's own rules for which of them an announcement names."""

from dataclasses import dataclass

from tests.apiserver.objects import Object, a_deployment
from tests.fault.plan import REPOSITORIES, TAGS, repository

COUNT = 200
_USED = REPOSITORIES - 6  # no Deployment runs the others: their events end without a match
_DIGEST = "sha256:" + "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"


@dataclass(frozen=True, slots=True)
class Place:
    """A Deployment: its images (the second is an init container's), and whether it is opted out."""

    name: str
    images: tuple[str, ...]
    replicas: int
    opted_out: bool

    def is_named(self, image: str, tags: tuple[str, ...]) -> bool:
        return not self.opted_out and any(f"{image}:{tag}" in self.images for tag in tags)

    def to_object(self, namespace: str) -> Object:
        main, *init = self.images
        pod = {"initContainers": [{"name": "init", "image": each} for each in init]} if init else {}
        annotations = {"krt/restart": "disabled"} if self.opted_out else {}
        return a_deployment(
            self.name,
            main,
            namespace=namespace,
            pod=pod,
            annotations=annotations,
            replicas=self.replicas,
            revisionHistoryLimit=1,
            progressDeadlineSeconds=24 * 3600,
        )


def places() -> tuple[Place, ...]:
    """The COUNT Deployments of the test, always the same."""
    return tuple(_place(number) for number in range(COUNT))


def _place(number: int) -> Place:
    own, tag = repository(number % _USED), TAGS[number % 3 == 0]
    images = [f"{own}:{tag}"]
    if number % 11 == 0:
        images = [f"{own}:{tag}@{_DIGEST}"]
    if number % 7 == 0:
        images.append(f"{repository((number * 5 + 1) % _USED)}:dev")
    return Place(f"d-{number:03}", tuple(images), replicas=int(number % 5 == 0), opted_out=number % 13 == 0)
