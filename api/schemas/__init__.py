"""What requests and responses look like, one file per resource."""
