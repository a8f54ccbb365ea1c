"""The language-model policy: prompts, schemas, validation of replies, and metering."""
