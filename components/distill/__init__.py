"""Distillation (KALE stage 2): training set, student, evaluation and gate.

`training_set.py` cuts the pairs, `train.py` trains and exports, `evaluate.py` and `gate.py` judge. Modules
that need torch and transformers (extra `torch`) import them inside functions or are imported by `train.py`
only.
"""
