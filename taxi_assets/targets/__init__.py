"""IO managers that replace one partition of a table at a time, atomically. Know nothing of taxis."""
