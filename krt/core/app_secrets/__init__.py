"""App secrets: the wishes in an App, and every decision about the Secrets that krt delivers to Deployments.

Responsible for reading an App, its source Secrets, the copies and the linked Deployments, and for deciding who gets
what, when, and how it is told in the App's status; each function is pure. Acting on it belongs to `krt.controller`.
Start with `app.py`, then `decide.py`.
"""
