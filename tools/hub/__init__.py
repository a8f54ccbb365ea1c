"""The Hugging Face Hub: pinned downloads of the published files, and its errors in one line."""
