"""A desk in a box, as those who work with it meet it: over HTTP and the command line."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from tests.systemd.box import Box
from tests.systemd.models import BoxModels

API = "http://127.0.0.1:8420"
_PASSWORD = "a long enough password"
_ENDED = {"completed", "failed", "dead_letter", "cancelled"}


class Desk:
    """An organisation of an installation, and its administrator."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.slug = "box"
        self.token = ""
        self.models = BoxModels()

    def boot(self) -> None:
        """Boot the box, and start the models in it."""
        self.box.boot()
        self.models.start(self.box)

    def sign_up(self) -> None:
        """Make the first organisation and sign in as its administrator."""
        words = ["--organization", "Box", "--slug", self.slug, "--admin", "admin@example.test"]
        self.box.run("env", f"ATUM_NEW_PASSWORD={_PASSWORD}", "atum-desk", "init", *words)
        self.sign_in()

    def sign_in(self) -> None:
        """Get a token."""
        body = {"organization": self.slug, "email": "admin@example.test", "password": _PASSWORD}
        answer = self.call("POST", "/auth/login", body)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send one request on a connection of its own."""
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"

        def send() -> httpx.Response:
            with httpx.Client(base_url=f"{API}/api/v1", timeout=60, trust_env=False, headers=headers) as client:
                return client.request(method, path, json=body)

        return self.box.in_network(send)

    def get(self, path: str) -> Any:
        """Return what is at a path."""
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def answers(self) -> bool:
        """Tell whether the API serves what is in the database."""
        return self.call("GET", "/tickets?limit=1").status_code == 200

    def open_ticket(self, subject: str, body: str = "It does so since this morning.", **headers: str) -> dict[str, Any]:
        """Open a ticket and return it."""
        words = {"subject": subject, "body": body, "requester": {"email": "robin@example.test"}}
        answer = self.call("POST", "/tickets", words, **headers)
        assert answer.status_code == 201, answer.text
        ticket: dict[str, Any] = answer.json()
        return ticket

    def enqueue(self, job_type: str, times: int = 1, **payload: Any) -> list[str]:
        """Ask for jobs, and return their ids once they are stored."""
        asked = {"jobs": [{"job_type": job_type, "payload": payload}] * times}
        answer = self.call("POST", "/jobs/batch", asked)
        assert answer.status_code == 201, answer.text
        return [each["id"] for each in answer.json()]

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job as it stands."""
        job: dict[str, Any] = self.get(f"/jobs/{job_id}")
        return job

    def running(self, job_id: str) -> dict[str, Any]:
        """Wait until a worker has a job in hand, and return it."""
        self.box.wait(lambda: self.job(job_id)["status"] == "running", what=f"{job_id} to run")
        return self.job(job_id)

    def ended(self, *job_ids: str, within_s: float = 90) -> list[dict[str, Any]]:
        """Wait until jobs are over, and return them."""
        left = list(job_ids)

        def over() -> bool:
            while left and self.job(left[0])["status"] in _ENDED:
                left.pop(0)
            return not left

        self.box.wait(over, what=f"{len(job_ids)} jobs to end", within_s=within_s)
        return [self.job(job_id) for job_id in job_ids]

    def done(self, *job_ids: str, within_s: float = 90) -> list[dict[str, Any]]:
        """Wait until jobs are over; they must have gone well."""
        jobs = self.ended(*job_ids, within_s=within_s)
        assert {job["status"] for job in jobs} == {"completed"}, jobs
        return jobs

    def marks(self) -> Counter[str]:
        """Return how often each job of type BOX_MARK was done."""
        return Counter(self.box.sh("cat /var/lib/atum-desk/marks 2>/dev/null || true").split())
