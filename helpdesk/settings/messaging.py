"""What leaves by mail and by webhook."""

from __future__ import annotations

from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import ip_network
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class MessagingSettings(BaseSettings):
    """What leaves by mail and by webhook."""

    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server: smtp://, smtps:// or starttls://, with user:password@ where it wants them.",
    )
    mail_from: str = Field(default="Atum Desk <atum-desk@localhost>", description="Sender of the product's mail.")
    smtp_timeout_s: float = Field(default=30, gt=0, le=120, description="Longest wait for the mail server's answer.")
    webhook_timeout_s: float = Field(default=15, gt=0, le=60, description="Longest duration of one webhook request.")
    webhook_allow: str = Field(
        default="", description="Networks inside that webhooks may reach, such as 10.1.0.0/16, separated by commas."
    )

    @field_validator("smtp_url")
    @classmethod
    def _known_mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        """Refuse a scheme nobody knows, and a password that would cross a network in the clear."""
        if url is None:
            return None
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in {"smtp", "smtps", "starttls"} or not parts.hostname:
            raise ValueError("the mail server's URL must be like smtp://host:25, smtps://host:465 or starttls://host")
        if parts.scheme == "smtp" and parts.password and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("smtp:// would send the password unencrypted; use starttls:// or smtps://")
        return url

    @field_validator("mail_from")
    @classmethod
    def _one_sender(cls, sender: str) -> str:
        name, address = parseaddr(sender)
        Address(name, addr_spec=address)
        return sender

    @field_validator("webhook_allow")
    @classmethod
    def _networks(cls, networks: str) -> str:
        for network in filter(None, map(str.strip, networks.split(","))):
            ip_network(network)
        return networks
