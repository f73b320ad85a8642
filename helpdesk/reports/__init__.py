"""Reports that people read: pages to print, and tables of the same figures."""
