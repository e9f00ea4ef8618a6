"""From a live database to a new content in the store: a consistent snapshot, its check, the archive, the upload,
one database by itself each, one run at a time.
"""
