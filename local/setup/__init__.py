"""The first settings file: from the databases and the store that a newcomer names to a file that the commands take."""
