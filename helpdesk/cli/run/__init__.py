"""`atum-desk run`: everything on one machine, under one supervisor.

command.py reads the options, session.py is the story from start to stop, supervisor.py and process.py keep the
processes alive, embedded.py and guard.py look after the database, demo.py and view.py show the live tickets.
"""
