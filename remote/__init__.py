"""The drill, and any command, on the Azure VM through Run Command.

`run_command` is one script on one VM, `program_runner` a program and its whole answer, however long. On these stand
`drill` (with `machine`: the drill program) and `run` (with `command`: the program in `command_program`).
"""
