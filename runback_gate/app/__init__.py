"""What Runback gate does, one function for each verb: it takes values and returns a value.

The command line, the action and whoever else wants a verb call the same functions. None of them reads options, prints,
or reads the environment, the clock or chance: those come in as values, and progress goes out through a callback.
"""
