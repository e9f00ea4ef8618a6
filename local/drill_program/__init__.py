"""The promise of the product: the five steps that prove a backup, standard library only, for Python 3.8 and
later. It imports nothing of ours but its own modules, because it is shipped as one text to machines that have
none of it.
"""
