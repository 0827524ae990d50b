"""A run or a step as a page, and what differs between two texts."""
