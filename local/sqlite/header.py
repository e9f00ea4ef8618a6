"""How every file of a SQLite database begins (https://www.sqlite.org/fileformat2.html#the_database_header)."""

MAGIC = b"SQLite format 3\0"
