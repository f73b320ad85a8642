from sqlalchemy import text

from helpdesk.transfer.pipeline import read_pipeline


async def test_the_pipeline_is_through_when_every_job_and_the_index_have_ended(imports, database, organization_id):
    since = await imports.now()
    await imports.tickets([{"subject": "One"}, {"subject": "Two"}])

    async def look():
        async with database.transaction(organization_id) as session:
            return await read_pipeline(session, organization_id=organization_id, since=since)

    before = await look()
    assert {stage.name: stage.pending for stage in before.stages} == {
        "KB_SUGGEST": 2,
        "SLA_PREDICT": 2,
        "SMART_REPLY": 2,
        "TRIAGE_TICKET": 2,
        "index": 2,
    }
    assert before.missing_workers == ("job", "rag")

    async with database.transaction(organization_id) as session:
        await session.execute(
            text(
                "UPDATE job_queue SET finished_at = now(), status = "
                "CASE job_type WHEN 'SMART_REPLY' THEN 'dead_letter' ELSE 'completed' END"
            )
        )
        await session.execute(text("UPDATE rag_index_queue SET status = 'done', updated_at = now()"))
    after = await look()
    assert (after.waiting, after.dead) == (0, 2)
    index = after.stages[-1]
    assert (index.completed, index.ended) == (2, 2)
    assert index.first_at is not None
    assert index.first_at >= since


async def test_a_later_import_does_not_count_what_ended_before_it(imports, database, organization_id):
    await imports.tickets([{"subject": "One", "status": "closed"}])
    async with database.transaction(organization_id) as session:
        await session.execute(text("UPDATE rag_index_queue SET status = 'failed', updated_at = now()"))
    since = await imports.now()
    async with database.transaction(organization_id) as session:
        pipeline = await read_pipeline(session, organization_id=organization_id, since=since)
    assert (pipeline.waiting, pipeline.dead) == (0, 0)
