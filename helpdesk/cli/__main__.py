"""Run `python -m helpdesk.cli`."""

from helpdesk.cli.main import main

main()
