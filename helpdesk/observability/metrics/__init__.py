"""What a process counts and measures, in Prometheus' terms.

Each module names the metrics of one part of the product; a process shows those of the modules it has loaded, so that
none shows a figure it has nothing to do with. Labels are names of our own or of the operator's settings, and few: never
an organisation, a ticket, a person or a text.
"""
