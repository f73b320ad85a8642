"""What is put to a text model: instructions, and data fenced off from them."""
