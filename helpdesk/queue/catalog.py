"""List every job the product can run; producers and workers both import their types from here."""

from __future__ import annotations

from helpdesk.queue.args import JobArgs
from helpdesk.queue.article_jobs import PublishArticle, ReviewArticles
from helpdesk.queue.notice_jobs import (
    DeliverNotification,
    MessageId,
    PublishEvent,
    Recipient,
    SendDigest,
    SendEmail,
    SendWebhook,
)
from helpdesk.queue.sla_jobs import (
    ApplySlaAction,
    ProveClocks,
    RefreshPredictions,
    RetargetClocks,
    SlaPredict,
    SlaReport,
)
from helpdesk.queue.ticket_jobs import ExtractText, KbSuggest, MakeThumbnail, SmartReply, TriageTicket
from helpdesk.queue.upkeep_jobs import (
    BackfillEmbeddings,
    BackUp,
    ChangeEmbeddingModel,
    CleanUp,
    ExportTickets,
    FindKnowledgeGaps,
    FitRelevance,
    LinkSimilarTickets,
    MaintainIndex,
    MetricsSnapshot,
    ReconcileIndex,
    RetrainTriage,
)

__all__ = [
    "JOB_TYPES",
    "ApplySlaAction",
    "BackUp",
    "BackfillEmbeddings",
    "ChangeEmbeddingModel",
    "CleanUp",
    "DeliverNotification",
    "ExportTickets",
    "ExtractText",
    "FindKnowledgeGaps",
    "FitRelevance",
    "KbSuggest",
    "LinkSimilarTickets",
    "MaintainIndex",
    "MakeThumbnail",
    "MessageId",
    "MetricsSnapshot",
    "ProveClocks",
    "PublishArticle",
    "PublishEvent",
    "Recipient",
    "ReconcileIndex",
    "RefreshPredictions",
    "RetargetClocks",
    "RetrainTriage",
    "ReviewArticles",
    "SendDigest",
    "SendEmail",
    "SendWebhook",
    "SlaPredict",
    "SlaReport",
    "SmartReply",
    "TriageTicket",
]

JOB_TYPES: dict[str, type[JobArgs]] = {
    args.job_type: args
    for args in (
        TriageTicket,
        KbSuggest,
        SmartReply,
        SlaPredict,
        RefreshPredictions,
        MetricsSnapshot,
        CleanUp,
        ReconcileIndex,
        MaintainIndex,
        BackfillEmbeddings,
        ChangeEmbeddingModel,
        RetrainTriage,
        FitRelevance,
        LinkSimilarTickets,
        FindKnowledgeGaps,
        DeliverNotification,
        MakeThumbnail,
        ExtractText,
        BackUp,
        SlaReport,
        RetargetClocks,
        ProveClocks,
        ExportTickets,
        SendDigest,
        SendEmail,
        SendWebhook,
        PublishEvent,
        ApplySlaAction,
        PublishArticle,
        ReviewArticles,
    )
}
