"""What happens on this machine. The rooms, from the roof down, each using only those below it: `backup` and
`drill` `output` (how it is shown), `archive` (what is stored), `store` (where),
`cloud` (who we are in Azure), `drill_program` (the proof itself, which is shipped as one text). What stands
beside them is used by all.
"""
