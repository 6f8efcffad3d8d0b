"""Many files, one after the other and beside each other: what is to be done, and by whom.

`inputs` finds the files and what each becomes, `settings` says what outputs depend on, `records`
what is done, `plan` what is left. `worker` does it, in processes of `worker_processes`, which
`batch_run` hands out the work to; `report` is what comes of it.
"""
