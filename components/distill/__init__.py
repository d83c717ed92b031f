"""Distillation: from a teacher's captions to a training set, a student, its evaluation and its gate (KALE stage 2).

`training_set.py` cuts the pairs, `train.py` trains and exports, `evaluate.py` and `gate.py` judge. Modules that
need torch and transformers (extra `torch`) import them inside functions or are imported by `train.py` only.
"""
