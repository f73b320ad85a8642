"""The business hours of an organisation, with public holidays."""
