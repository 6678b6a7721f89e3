"""What a job announces: an image and its tags, as an event with an id.

Responsible for parsing and comparing image references, tags, events and their ids. Who announces belongs to
`core/caller`, and what the journal stores of both to `core/envelope.py`. Start with `event.py`; the grammar of image
references is in `image.py`.
"""
