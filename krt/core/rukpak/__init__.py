"""RukPak's documents: what a Bundle and a BundleDeployment ask for, and the status that krt writes on them.

Responsible for reading a document of the group `core.rukpak.io/v1alpha1` and for every decision about its status; each
function is pure. Where the content comes from belongs to `krt.sources`, what is done about it to `krt.controller`.
Start with `bundle_deployment.py`, then `source.py`.
"""
