from __future__ import annotations

from tests.database.rag.conftest import Desk

VPN = """# Connect to the VPN

Install the client from the software centre and sign in with your company account.

## Error 809

The router blocks UDP ports 500 and 4500. Switch the router's IPsec passthrough on, then connect again.

## Error 0x80070005

The client lacks rights on `srv-vpn-01`. Ask the service desk for the group VPN-Users.
"""
PRINTER = """# The printer prints blank pages

Shake the toner cartridge of the LaserJet gently, put it back and print a test page from the control panel.
Replace the cartridge when the pages stay blank.
"""


async def test_a_published_article_is_found_by_its_meaning_and_by_its_words(desk: Desk) -> None:
    vpn = await desk.publish("Connect to the VPN", VPN)
    printer = await desk.publish("The printer prints blank pages", PRINTER)
    [report] = await desk.index_all()
    assert (report.documents, report.embedded) == (2, report.chunks)

    by_meaning = await desk.find("my sheets come out of the machine white and empty")
    by_code = await desk.find("0x80070005", by_words_only=True)

    assert by_meaning.results[0].source_id == printer.id
    assert not by_meaning.degraded
    assert by_code.results[0].source_id == vpn.id
    assert by_code.degraded
    assert "0x80070005" in by_code.results[0].content
