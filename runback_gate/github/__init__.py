"""The gate on GitHub: the event, the commits that are compared, and what a pull request is told.

In: the event and the environment of a job, and a `Report`. Out: a check run and a comment. `event` reads, `api` is the
only file that talks to GitHub, `check` and `comment` word what is said and keep it to one of each.
"""
