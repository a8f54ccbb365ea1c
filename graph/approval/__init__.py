"""Approval: the gates between deciding and doing, and what a person is asked at them."""
