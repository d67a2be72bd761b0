"""One module per kind of object: how it is made and changed, and the endpoints of the API that do so."""
