"""Decontamination: does a training row repeat, edit or rename an evaluation item?"""
