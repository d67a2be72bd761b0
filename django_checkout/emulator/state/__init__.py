"""The stored objects, events and jobs, and the clock. Imported by every package above; knows no type of object."""
