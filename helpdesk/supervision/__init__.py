"""What a service manager such as systemd gives a process, and what it is told in return."""
