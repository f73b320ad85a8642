from helpdesk.kb.articles.commands import archive_article
from helpdesk.models.values import ArticleVisibility
from tests.database.transfer.imports import outcomes

ROWS = [
    {
        "article_id": "a-1",
        "title": "Badge reader stays red",
        "category": "Buildings",
        "body_markdown": "# Badge\n\nHold it for two seconds.",
        "license": "CC0-1.0",
    },
    {"article_id": "a-2", "title": "Empty the scanner's tray", "body": "Open the flap and pull."},
]


async def test_articles_are_published_and_wait_behind_others_in_the_index(imports):
    tally, errors = await imports.articles(ROWS)
    assert (outcomes(tally), errors) == ({"created": 2}, [])
    assert tally.unknown_categories == {"Buildings": 1}
    articles = await imports.rows("SELECT state, visibility, published_version, tags FROM kb_articles ORDER BY slug")
    assert articles[0] == {
        "state": "published",
        "visibility": "public",
        "published_version": 1,
        "tags": ["license:CC0-1.0", "Buildings"],
    }
    assert (
        await imports.rows("SELECT priority, source_type FROM rag_index_queue")
        == [{"priority": 2, "source_type": "kb"}] * 2
    )
    assert await imports.rows("SELECT id FROM job_queue") == []


async def test_a_second_import_skips_what_is_the_same_and_gives_what_changed_a_new_published_version(imports):
    await imports.articles(ROWS)
    tally, _ = await imports.articles(ROWS)
    assert outcomes(tally) == {"skipped": 2}
    tally, _ = await imports.articles([ROWS[0], ROWS[1] | {"body": "Open the flap, then push."}])
    assert outcomes(tally) == {"skipped": 1, "updated": 1}
    versions = await imports.rows(
        "SELECT v.number, v.body, a.published_version FROM kb_article_versions v JOIN kb_articles a "
        "ON a.id = v.article_id WHERE a.external_id = 'a-2' ORDER BY v.number"
    )
    assert [(row["number"], row["published_version"]) for row in versions] == [(1, 2), (2, 2)]
    assert versions[1]["body"] == "Open the flap, then push."


async def test_a_dry_run_stores_nothing_and_knows_what_would_change(imports):
    await imports.articles(ROWS[:1])
    before = await imports.counts()
    changed = ROWS[0] | {"title": "Badge reader is red"}
    tally, _ = await imports.articles([changed, ROWS[1], {"title": "No words"}], dry_run=True, create_categories=True)
    assert outcomes(tally) == {"created": 1, "updated": 1, "failed": 1}
    assert tally.new_categories == ["Buildings"]
    assert await imports.counts() == before


async def test_drafts_wait_to_be_published_and_a_later_import_publishes_them(imports):
    await imports.articles(ROWS, publish=False, visibility=ArticleVisibility.AGENTS)
    assert await imports.rows("SELECT DISTINCT state, visibility FROM kb_articles") == [
        {"state": "draft", "visibility": "agents"}
    ]
    tally, _ = await imports.articles(ROWS, visibility=ArticleVisibility.AGENTS)
    assert outcomes(tally) == {"updated": 2}
    assert await imports.rows("SELECT DISTINCT state, published_version FROM kb_articles") == [
        {"state": "published", "published_version": 1}
    ]


async def test_an_article_that_was_archived_here_stays_archived(imports, database, organization_id):
    await imports.articles(ROWS)
    identifier = (await imports.rows("SELECT id FROM kb_articles WHERE external_id = 'a-2'"))[0]["id"]
    async with database.transaction(organization_id) as session:
        await archive_article(session, organization_id=organization_id, article_id=identifier, now=await imports.now())
    tally, _ = await imports.articles([ROWS[1] | {"body": "Other words."}])
    assert outcomes(tally) == {"skipped": 1}


async def test_the_category_of_a_row_is_made_when_asked_for_and_replaces_the_tag(imports):
    await imports.articles(ROWS)
    tally, _ = await imports.articles(ROWS, create_categories=True)
    assert outcomes(tally) == {"updated": 1, "skipped": 1}
    found = await imports.rows("SELECT c.name, a.tags FROM kb_articles a JOIN categories c ON c.id = a.category_id")
    assert found == [{"name": "Buildings", "tags": ["license:CC0-1.0"]}]


async def test_bad_rows_stop_none_of_the_others(imports):
    tally, errors = await imports.articles([{"title": "a"}, ROWS[0], {"title": "b", "body": "\0"}, "[]", ROWS[1]])
    assert outcomes(tally) == {"created": 2, "failed": 3}
    assert sorted(error.line for error in errors) == [1, 3, 4]
