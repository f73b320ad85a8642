"""The model runtimes: there, with the models that are wanted, and those the index was made with."""

from __future__ import annotations

import httpx

from helpdesk.ai.model import ModelBusy, ModelMissing
from helpdesk.ai.providers.hosts import stays_here
from helpdesk.ai.providers.listing import Listing
from helpdesk.ai.providers.ollama.client import OllamaClient
from helpdesk.ai.providers.ollama.embedder import OllamaEmbedder
from helpdesk.ai.providers.probes.finding import Finding as Probed
from helpdesk.ai.providers.probes.ollama import glance_at_ollama
from helpdesk.ai.providers.probes.openai import glance_at_openai
from helpdesk.doctor.finding import Verdict, error, ok, skipped, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check
from helpdesk.errors import HelpdeskError
from helpdesk.rag.embedding.profiles import same_space

# A model that is not in memory has to be loaded first, which takes seconds.
_LONGEST_S = 12.0
_WORDS = "How many numbers has a vector of this model?"
_ACTIVE = """
SELECT name, digest, dims FROM rag_embedding_models WHERE state = 'active' AND table_name <> '' LIMIT 1
"""


@check("models.runtime", "whether the model runtime answers and has the models", longest_s=_LONGEST_S)
async def runtime(patient: Patient) -> Looked:
    """Ask the runtime of ATUM_OLLAMA_HOST what it has; nothing is generated."""
    return [_as_verdict(each) for each in await glance_at_ollama(patient.settings)]


@check("models.endpoint", "whether the OpenAI-compatible endpoint answers and has the model", longest_s=_LONGEST_S)
async def endpoint(patient: Patient) -> Looked:
    """Ask the endpoint of ATUM_OPENAI_URL what it has."""
    if patient.settings.openai_url is None:
        return skipped("ATUM_OPENAI_URL is not set.")
    return [_as_verdict(each) for each in await glance_at_openai(patient.settings)]


def _as_verdict(probed: Probed) -> Verdict:
    tell = {"ok": "ok", "problem": "warning", "unusable": "error"}[probed.verdict]
    says = f"{probed.probe}: {probed.told}"
    figures = {"probe": probed.probe, **probed.figures}
    match tell:
        case "ok":
            return ok(says, **figures)
        case "warning":
            return warning(says, probed.remedy, **figures)
        case _:
            return error(says, f"{probed.remedy} `atum-desk ai check` tries further.", **figures)


@check(
    "models.index",
    "whether the embedding model is the one the index was made with",
    database=True,
    longest_s=_LONGEST_S,
)
async def index(patient: Patient) -> Looked:
    """Compare the weights and the size of vectors with those of the index."""
    async with patient.reading("atum_owner") as connection:
        active = await connection.fetchrow(_ACTIVE)
    if active is None:
        return skipped("There is no index yet.")
    settings = patient.settings
    client = OllamaClient(settings.ollama_host, read_s=_LONGEST_S)
    try:
        embedder = OllamaEmbedder(
            name=settings.embedding_model,
            client=client,
            listing=Listing(client.models),
            stays_here=stays_here(settings.ollama_host, own_hosts=settings.own_model_hosts),
        )
        return await _compare(embedder, name=active["name"], digest=active["digest"], dims=active["dims"])
    except (ModelBusy, httpx.HTTPError):
        return skipped("The model runtime does not answer, see models.runtime.")
    finally:
        await client.close()


async def _compare(embedder: OllamaEmbedder, *, name: str, digest: str, dims: int) -> Verdict:
    own = embedder.named(name)
    remedy = f"Give the runtime {name} back, or the index a new model: see `atum-desk rag models`."
    for model in (own, embedder):
        try:
            if not same_space(digest, (await model.identify(fresh=True)).digest):
                continue
            found = (await model.embed([_WORDS])).shape[1]
        except ModelMissing:
            continue
        except ModelBusy:
            raise
        except HelpdeskError as failure:
            return error(f"{name} makes no vectors: {failure.detail}", "Look in the log of the runtime.", dims=dims)
        if found != dims:
            return error(
                f"Vectors of {name} have {found} numbers, those of the index {dims}.", remedy, dims=dims, found=found
            )
        return ok(f"{name} makes vectors of {dims} numbers, as in the index.", dims=dims)
    says = (
        f"The index was made with {name} ({digest[:12]}), which the runtime does not have, or not with these weights."
    )
    return error(f"{says} Searches go by words alone.", remedy, dims=dims, digest=digest)
