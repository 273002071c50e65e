"""Evaluation of a candidate on days that it never saw, against a floor, a baseline and the champion."""
