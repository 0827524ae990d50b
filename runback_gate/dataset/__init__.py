"""Datasets: the cases that an agent must keep passing, their recorded steps, and the checks of each.

In: `kind: Dataset` YAML and `recordings/<aa>/<sha256>.json` beside it. Out: `Dataset` with its `Case`s, each check
compiled to CEL source.

    dataset = load_dataset(root, "datasets/refunds.yaml")
    step = load_recording(root, dataset.path, dataset.cases[0].step)

`document` holds the format, `checks` the short checks, `recordings` the steps on disk, `edit` adds a case to a file
without touching the rest.
"""
