from helpdesk.transfer.markup import html_to_markdown


def test_headings_lists_code_and_links_stay_what_they_are():
    page = html_to_markdown(
        "<h2>Set  it up</h2>\n<ol>\n<li><p>Open <code>a.cfg</code>:</p>\n"
        "<pre><code>x = 1\n\n  y = 2\n</code></pre></li>"
        '<li>See <a href="https://example.org/a">the page</a><ul><li>inner</li></ul></li></ol><hr><p>Done<br>now</p>'
    )
    assert page.title == "Set it up"
    assert page.text == (
        "## Set it up\n\n"
        "1. Open `a.cfg`:\n\n   ```\n   x = 1\n\n     y = 2\n   ```\n"
        "2. See [the page](https://example.org/a)\n\n   - inner\n\n---\n\nDone\nnow"
    )


def test_a_table_keeps_its_cells_apart():
    table = "<table><tr><th>Code</th><th>Means</th></tr><tr><td>E1</td><td>No\npaper</td></tr></table>"
    assert html_to_markdown(table).text == "Code | Means\n\nE1 | No paper"


def test_quotes_are_marked():
    assert html_to_markdown("<blockquote><p>a</p><p>b</p></blockquote>c").text == "> a\n>\n> b\n\nc"


def test_what_a_reader_cannot_see_is_left_out():
    hidden = (
        "<style>p {}</style><script>alert(1)</script><!-- note -->"
        '<p style="display: none">one</p><p hidden>two</p><span style="font-size:0">three</span>'
        '<p style="color:#fff">four</p><p style="position:absolute; left:-9999px">five</p>'
    )
    assert html_to_markdown(f"{hidden}<p>seen</p>").text == "seen"
    assert html_to_markdown('<p style="color:white; background:#000">seen</p>').text == "seen"


def test_a_link_that_runs_code_is_only_its_words():
    assert html_to_markdown('<a href="javascript:x()">press</a>').text == "press"
