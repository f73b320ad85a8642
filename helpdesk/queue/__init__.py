"""The job queue: transactional, fenced, without a leader."""
