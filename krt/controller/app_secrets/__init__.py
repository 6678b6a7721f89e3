"""The controller of App secrets: delivers the values of a source Secret to the Deployments that an App names.

Responsible for what is seen (Apps, Namespaces, and the sources, copies and Deployments of each environment's
Namespace), for acting on each decision of `krt.core.app_secrets`, and for the App's status. Start with
`secrets_controller.py`, then `environments.py`.
"""
