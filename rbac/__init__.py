"""Which rights the backup's principal has, and giving or taking back the one that it lacks.

`check`, `fix` and `revoke` are the commands. Each reads facts (`read_facts`, through `clients`, `arm` and `graph`), has
them judged by Azure's rules (`evaluate`) and decides (`plan`), both pure; fix and revoke then change what was decided
(`apply`), and fix waits until Azure shows it (`propagation`) and proves that it works (`proof`). What came of it is a
`result`, which `render` shows to a person. `doctor_checks` are the preconditions of `invoke doctor` that Resource
Manager tells: these rights, and the settings that guard the account (`account_safety`).
"""
