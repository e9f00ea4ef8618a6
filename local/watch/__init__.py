"""What became of the backups, told from the store alone: whether they are young and proven (`facts`, `status`,
`prometheus`), which of them are kept and which may go (`retention`, `prune`), and the proof of what was just written
(`proof`). The drill records are read in `records`, as what others wrote.
"""
