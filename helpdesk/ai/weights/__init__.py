"""The files of the embedded models: which, from where, and whether they are whole."""
