"""Every promise about speed and size as a command: `python -m benchmarks [NAME ...] [--json]`, or `make bench`."""
