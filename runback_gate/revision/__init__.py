"""The files of a commit: one `Tree` for every place that holds commits, and one layout in a folder.

    with laid_out(tree) as folder:
        load_plan(folder, day=day)

git is asked here (`repository`), GitHub's API in `github.tree`.
"""
