"""One module per type of object, with its creation, changes and endpoints."""
