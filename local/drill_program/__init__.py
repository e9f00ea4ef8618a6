"""The promise of the product: the restore drill, five steps that prove that a backup of a SQLite database can be
brought back. `steps` holds them, `database` takes one database through them, `main` runs it as a process.

It needs the standard library of Python 3.8 or later and imports nothing of ours but its own modules, always as
`from local.drill_program.x import y`: `local.drill.bundle` joins them into the one text that is piped into
`python3 -IS -`, here and on VMs that have nothing of ours. It trusts nothing that it reads. `failed` means that the
backup is wrong; whatever only kept the drill from being carried out is `inconclusive`.
"""
