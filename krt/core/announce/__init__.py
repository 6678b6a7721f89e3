"""The announcement of a job: an image and its tags, as an event with an id.

Responsible for parsing and comparing image references, tags, events and their ids. The caller belongs to `core/caller`,
the form in which the journal stores event and caller to `core/envelope.py`. Start with `event.py`; the grammar of image
references is in `image.py`.
"""
