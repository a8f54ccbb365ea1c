"""Reading and measuring answers: extraction, metrics, letters, numbers, arithmetic."""
