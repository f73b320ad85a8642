"""Attacks on the text models through what tickets, mails, files and articles say, and what becomes of them."""
