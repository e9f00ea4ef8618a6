"""`invoke doctor`: each precondition of a backup, a drill and a restore looked at, with the command that mends it.

A `DoctorCheck` is what was found. Small functions judge facts into checks; `run` has the preconditions looked at, a few
at a time and each within its limit; `local_checks` lists those of this machine and the store. Those of the VM and of
Azure's rights stand in the rooms above (`remote`, `rbac`), and the command hands all of them in.
"""
