"""Fuzzers for everything that reads a file: `python tests/fuzz/run.py --seconds N [--reader NAME]`.

Each file is read in a process with limits of memory and time. It must be read as something valid, or be refused by an
InputError of one short line. Files that once did neither are made by `found` of a target, or lie in `corpus/READER`.
"""
