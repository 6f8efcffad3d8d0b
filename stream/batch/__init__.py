"""Many files, one after the other and beside each other: what is to be done, and by whom.

`inputs` finds the files, with `folders` what lies below folders, and what each becomes, `plan` what
is left to do, `cutting` which films are done in parts, and `films` what follows from each part.
`batch_run` hands all of it out; `report` is what comes of it. `jobs/` says what a job is, what its
outputs depend on and what is known of it; `workers/` does it.
"""
