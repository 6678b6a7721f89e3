"""The controller: keeps a cluster as its Bundles and BundleDeployments say, without an event and without Valkey.

Responsible for the continuous part of bundles: leadership, one task for each object, unpacking, the pivot from one
version to the next, the repair of drift, and the status that says how it went. `krt.sources` fetches content,
`krt.delivery` applies it, `krt.core.rukpak` decides what a document means. Start with
`bundles_controller.py`, then `deployments.py`.
"""
