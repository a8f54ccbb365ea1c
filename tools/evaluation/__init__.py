"""Evaluation: generating answers, scoring them, and testing a challenger against the champion."""
