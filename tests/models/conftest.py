"""These tests need a model file of half a gigabyte: they exist only where ATUM_TEST_MODELS names its folder."""

from __future__ import annotations

import os

collect_ignore = [] if os.environ.get("ATUM_TEST_MODELS") else ["test_text_model.py", "test_asking.py"]
