"""What an event's job is answered: the states of targets, groups and events, and the document made of them."""
