"""Gymnasium environments of FT-Dojo; importing this module makes them known to ``gymnasium.make``.

    import gymnasium

    env = gymnasium.make("ftdojo.gym:ftdojo/aime25-mini-v0", budget="5m")

``ftdojo.make`` does the same. Needs the extra ``gym``.
"""

from __future__ import annotations

from graph.doors.gym_env import DojoEnv, action_space, make, make_vec, observation_space, register_envs
from tools.verbs.referee import VERBS

__all__ = ["VERBS", "DojoEnv", "action_space", "make", "make_vec", "observation_space", "register_envs"]

register_envs()
