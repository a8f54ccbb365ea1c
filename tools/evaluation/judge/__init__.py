"""A language model as judge: pairs of answers asked in both orders, its calibration, its verdicts on file."""
