import sys; sys.path.insert(0,"/tmp")
from sub import sub
sub("docs/adding-an-agent.md",('''plain values (ids, figures, names); and `standing`, what is left: `seconds_left`, tokens, money, `experiments_left`, the `incumbent`, its
`score` and interval. A refusal (`ok` is false) is one line that says what would fit, and nothing has happened; a training or an
evaluation that failed begins with `failed:` and has closed its experiment.''','''plain values (ids, figures, names); and `standing`, what is left: `seconds_left`, tokens, money, `experiments_left`, the `incumbent`, its
`score` and interval. A refusal (`ok` is false) is one line that says what would fit, and nothing has happened; a training or an
evaluation that failed begins with `failed:` and has closed its experiment. A script that failed a trial (`ok` is false, too) begins with
`failed (1 of 5;` and has its cause in a fence below. `try_recipe` refuses what `run_data_recipe` would.'''))
