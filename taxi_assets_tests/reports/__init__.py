"""Reports: what is on the pages, how they are kept, and how they look in a browser."""
