"""RukPak's kinds: the wishes in a Bundle and a BundleDeployment, and the status that krt writes on them.

Responsible for reading an object of `core.rukpak.io/v1alpha1` and for every decision about its status; each function is
pure. Fetching the content belongs to `krt.sources`, acting on it to `krt.controller`. Start with
`bundle_deployment.py`, then `source.py`.
"""
