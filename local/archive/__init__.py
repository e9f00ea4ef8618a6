"""A file as a plain gzip that is incremental all the same: where it is cut, how a piece is compressed and named,
and what this machine remembers of the last archive. It knows nothing of databases.
"""
