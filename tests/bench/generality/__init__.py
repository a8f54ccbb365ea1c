r"""Task folders of other people's kinds, with faults drawn at random, and how runs do on them.

Eleven kinds of tasks (``kinds``) are drawn from a seed, with faults out of thirty-three (``faults``); three
more folders have faults that never change (``dates``, ``receipts``, ``tickets``). Half of the tasks and of
the faults are held out (``held_out``): nobody looks at them while a rule of the product is being written.

    python -m tests.bench.generality OUT                       the open half: all data, oracle, agent; seed 0
    python -m tests.bench.generality OUT --only all --seeds 0,1,2
    python -m tests.bench.generality OUT --only all --parts random,tpe
    python -m tests.bench.generality OUT --only dates,orders,balance --base-model smollm2-135m --budget 30m \
        --oracle-seconds 1200
    python -m tests.bench.generality OUT --parts agent --without tpe,repair    ablations, one part at a time
    python -m tests.bench.generality OUT --table-only

A command that was broken off goes on where it stopped; two at a time may share OUT where they share no
folder. A task of somebody else's is one more module in
``kinds``; a fault is one more function in ``faults``.
"""
