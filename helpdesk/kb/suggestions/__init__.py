"""Articles suggested for a ticket, and what people make of them."""
