"""What is announced: an image and its tags, as an event with an id."""
