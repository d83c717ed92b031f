"""Distillation (KALE stage 2): a training set of a teacher's captions, a student, its evaluation and its gate.

`training_set.py` cuts the pairs, `train.py` trains and exports, `evaluate.py` and `gate.py` judge. Modules that
need torch and transformers (extra `torch`) import them inside functions or are imported by `train.py` only.
"""
