"""These tests need a model file of half a gigabyte: they exist only where ATUM_TEST_MODELS names its folder."""

from __future__ import annotations

import os

_OF_A_MODEL = ["test_text_model.py", "test_asking.py", "test_llama_server.py"]
collect_ignore = [] if os.environ.get("ATUM_TEST_MODELS") else _OF_A_MODEL
