"""The skill mixture that the bundled base model is pretrained on."""
