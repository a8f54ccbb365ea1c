"""FinanceIQ: multiple-choice questions of Chinese finance examinations."""
