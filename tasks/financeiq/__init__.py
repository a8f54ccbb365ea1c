"""FinanceIQ: multiple-choice questions of Chinese finance examinations."""

from tasks.financeiq import task

TASKS = (task.SPEC,)
EXTENSIONS = ()
